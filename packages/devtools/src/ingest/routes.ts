export type Protocol = 'browser' | 'sentry' | 'posthog' | 'flags'

const PATHS: readonly [RegExp, Protocol][] = [
  [/^\/browser\/?$/, 'browser'],
  [/^\/api\/[^/]+\/envelope\/?$/, 'sentry'],
  [/^\/(?:batch|capture|e|i\/v0\/e|s)\/?$/, 'posthog'],
  [/^\/(?:flags|decide)\/?$/, 'flags'],
]

/**
 * Returns the protocol that is served at `pathname`, or `undefined` when there is none.
 *
 * @param base The path where the ingest is mounted, without a trailing slash.
 */
export function protocolAt(pathname: string, base: string): Protocol | undefined {
  if (!pathname.startsWith(`${base}/`)) return undefined
  const path = pathname.slice(base.length)
  return PATHS.find(([pattern]) => pattern.test(path))?.[1]
}
