/** `epoch:transaction`, perhaps with where in it. Anything else is no cursor. */
export const isCursor = (value: unknown): value is string =>
  typeof value === 'string' && /^[\da-f-]{36}:\d{1,20}(:\d{1,19}:\d{1,20})?$/.test(value)

/** The later of two positions of one history; the second where they are of two. */
export function laterCursor(known: string | undefined, next: string): string {
  if (known === undefined) return next
  const [epoch, at = ''] = known.split(':')
  const [nextEpoch, nextAt = ''] = next.split(':')
  if (epoch !== nextEpoch) return next
  return Number(nextAt) > Number(at) ? next : known
}
