import { ConfigError } from '../errors/errors.ts'

/**
 * Refuses a backend's address that is not an http or https URL, before anything is sent to it. The error does not contain
 * the value, because a value pasted into the wrong variable is often a secret.
 *
 * @param who The beginning of the message, such as `[msc/cache] [upstash]`.
 * @throws ConfigError `ADDRESS_INVALID`.
 */
export function assertWebAddress(address: string, who: string, variable: string): void {
  try {
    // Not `URL.parse`, which Safari has since version 18.
    const url = new URL(address)
    // `fetch` refuses URLs that contain a user or a password.
    if (/^https?:$/.test(url.protocol) && url.host !== '' && url.username + url.password === '') return
  } catch {}
  throw new ConfigError(`${who} The address is not an http or https URL, or has a password in it.`, {
    code: 'ADDRESS_INVALID',
    hint: `Set ${variable} to a URL that begins with https:// (or http://), without quotes.`,
  })
}
