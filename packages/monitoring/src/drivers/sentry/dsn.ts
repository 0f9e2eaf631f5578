import { ConfigError } from '@msc/core'

export interface Dsn {
  /** The URL for envelopes, with the key. */
  readonly envelopeUrl: string
  /** The URL without the key, for display. */
  readonly endpoint: string
}

/**
 * Reads a DSN: `https://<key>@<host>/<project>`, also under a path.
 *
 * Source: https://develop.sentry.dev/sdk/foundations/transport/authentication/
 *
 * @throws ConfigError `SENTRY_DSN_INVALID`, without the value, because a value pasted into the wrong variable is often a
 *   secret.
 */
export function parseDsn(dsn: string): Dsn {
  const url = URL.parse(dsn)
  const project = url?.pathname.split('/').at(-1)
  if (!url || !/^https?:$/.test(url.protocol) || !url.username || !project) {
    throw new ConfigError('[msc/monitoring] [sentry] The DSN is not valid.', {
      code: 'SENTRY_DSN_INVALID',
      hint: 'Set NEXT_PUBLIC_SENTRY_DSN to https://<key>@<host>/<project>, from Settings → Client Keys.',
    })
  }
  const folder = url.pathname.slice(0, -project.length)
  const endpoint = `${url.protocol}//${url.host}${folder}api/${project}/envelope/`
  return { endpoint, envelopeUrl: `${endpoint}?sentry_version=7&sentry_key=${encodeURIComponent(url.username)}` }
}
