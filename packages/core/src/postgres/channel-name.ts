import { ConfigError } from '../errors/errors.ts'

/**
 * Returns a channel's name as `LISTEN` takes it: quoted, so that it keeps its case, as `pg_notify` does. Postgres takes any
 * text there, but PGlite can't stop listening to a name that is not a plain identifier.
 *
 * @throws ConfigError `CHANNEL_INVALID` for any other name. Postgres cuts names of more than 63 characters off.
 */
export function channelName(channel: string): string {
  if (typeof channel === 'string' && /^[a-z_]\w{0,62}$/i.test(channel)) return `"${channel}"`
  throw new ConfigError('[msc/core] [postgres] The channel is not an identifier.', {
    code: 'CHANNEL_INVALID',
    hint: 'Use up to 63 letters, digits and underscores, and begin with a letter or an underscore.',
  })
}
