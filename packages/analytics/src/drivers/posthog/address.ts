import { ConfigError } from '@msc/core'

export interface PostHogOptions {
  /** The project key, `phc_…`. */
  readonly key: string
  /** Default `https://us.i.posthog.com`. A path is kept, such as in `https://app.example/ingest`. */
  readonly host?: string
  readonly fetch?: typeof fetch
}

export interface PostHogAddress {
  readonly key: string
  /** Without a trailing slash. */
  readonly endpoint: string
}

const DEFAULT_HOST = 'https://us.i.posthog.com'
export const VARIABLES: readonly string[] = ['NEXT_PUBLIC_POSTHOG_KEY', 'NEXT_PUBLIC_POSTHOG_HOST']
const KEY_HINT = 'Set NEXT_PUBLIC_POSTHOG_KEY to the project key, phc_…, from Settings → Project.'

/**
 * Reads key and host. Errors never contain the values: people often paste a secret into the wrong variable.
 *
 * @param base The page's address, which a host without an origin, such as `/ingest`, is relative to.
 * @throws ConfigError `POSTHOG_KEY_INVALID` or `POSTHOG_HOST_INVALID`.
 */
export function readAddress({ key, host }: PostHogOptions, base?: string): PostHogAddress {
  const wrong = whatIsWrongWith(key)
  if (wrong !== undefined) {
    throw new ConfigError(`[msc/analytics] [posthog] ${wrong}`, {
      // The key is empty, a personal key (phx_…), or not a key at all.
      code: 'POSTHOG_KEY_INVALID',
      hint: KEY_HINT,
    })
  }
  const url = URL.parse(host ?? DEFAULT_HOST, base)
  // `fetch` refuses URLs with a user and a password.
  if (!url || !/^https?:$/.test(url.protocol) || url.host === '' || url.username + url.password !== '') {
    throw new ConfigError('[msc/analytics] [posthog] The host is not an http or https URL, or has a password in it.', {
      code: 'POSTHOG_HOST_INVALID',
      hint: 'Set NEXT_PUBLIC_POSTHOG_HOST to https://us.i.posthog.com, https://eu.i.posthog.com or your own.',
    })
  }
  return { key, endpoint: `${url.protocol}//${url.host}${url.pathname}`.replace(/\/+$/, '') }
}

function whatIsWrongWith(key: string): string | undefined {
  if (!key) return 'Missing option `key`.'
  if (key.startsWith('phx_')) return 'The key is a personal API key, which is secret and can not send events.'
  // The text `undefined`, or a line of an .env file with its quotes.
  if (key === 'undefined' || key === 'null' || /["'\s]/.test(key)) return 'The key is not a project key.'
  return undefined
}
