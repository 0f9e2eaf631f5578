export type Protocol = 'browser' | 'sentry' | 'posthog' | 'flags'

const PATHS: readonly [RegExp, Protocol][] = [
  [/^\/browser\/?$/, 'browser'],
  [/^\/api\/[^/]+\/envelope\/?$/, 'sentry'],
  [/^\/(?:batch|capture|e|i\/v0\/e|s)\/?$/, 'posthog'],
  [/^\/(?:flags|decide)\/?$/, 'flags'],
]

/**
 * Which protocol is spoken at `pathname`; `undefined` where there is nothing.
 *
 * @param base Where the ingest is mounted, without a slash at its end.
 */
export function protocolAt(pathname: string, base: string): Protocol | undefined {
  if (!pathname.startsWith(`${base}/`)) return undefined
  const path = pathname.slice(base.length)
  return PATHS.find(([pattern]) => pattern.test(path))?.[1]
}
