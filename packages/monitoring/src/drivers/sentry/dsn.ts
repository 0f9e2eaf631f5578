import { ConfigError } from '@msc/core'

export interface Dsn {
  /** Where envelopes go, with the key. */
  readonly envelopeUrl: string
  /** Without the key, to show. */
  readonly endpoint: string
}

/**
 * Reads a DSN: `https://<key>@<host>/<project>`, also under a path.
 *
 * Source: https://develop.sentry.dev/sdk/foundations/transport/authentication/
 *
 * @throws ConfigError `SENTRY_DSN_INVALID`, without the value: a DSN pasted into the wrong variable is often a secret
 *   pasted into this one.
 */
export function parseDsn(dsn: string): Dsn {
  const url = URL.parse(dsn)
  const project = url?.pathname.split('/').at(-1)
  if (!url || !/^https?:$/.test(url.protocol) || !url.username || !project) {
    throw new ConfigError('[msc/monitoring] [sentry] The DSN is not one.', {
      code: 'SENTRY_DSN_INVALID',
      hint: 'Set NEXT_PUBLIC_SENTRY_DSN to https://<key>@<host>/<project>, from Settings → Client Keys.',
    })
  }
  const folder = url.pathname.slice(0, -project.length)
  const endpoint = `${url.protocol}//${url.host}${folder}api/${project}/envelope/`
  return { endpoint, envelopeUrl: `${endpoint}?sentry_version=7&sentry_key=${encodeURIComponent(url.username)}` }
}
