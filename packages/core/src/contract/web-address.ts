import { ConfigError } from '../errors/errors.ts'

/**
 * Refuses what is no address of http or https where a backend's is wanted, before anything is sent to it. The value is
 * not in the error: what is pasted into the wrong variable is often a secret.
 *
 * @param who Begins the message: `[msc/cache] [upstash]`.
 * @throws ConfigError `ADDRESS_INVALID`.
 */
export function assertWebAddress(address: string, who: string, variable: string): void {
  const url = URL.parse(address)
  // No request can be made to one with a user and a password in it.
  if (url && /^https?:$/.test(url.protocol) && url.host !== '' && url.username + url.password === '') return
  throw new ConfigError(`${who} The address is not one of http or https, or has a password in it.`, {
    code: 'ADDRESS_INVALID',
    hint: `Set ${variable} to one that begins with https://.`,
  })
}
