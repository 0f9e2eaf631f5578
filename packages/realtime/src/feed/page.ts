/** Part of what came after a cursor. */
export interface FeedPage {
  /** Oldest first. The payload's `_msc.id` is the same as in the live message. */
  readonly events: readonly { readonly event: string; readonly payload: Readonly<Record<string, unknown>> }[]
  /** Where to go on, whether or not there is more now. */
  readonly cursor: string
  /** What came after the cursor is known no more: load everything anew. */
  readonly gap: boolean
  readonly more: boolean
}

export function isFeedPage(value: unknown): value is FeedPage {
  const page = value as Partial<FeedPage> | null
  return (
    typeof page === 'object' &&
    page !== null &&
    Array.isArray(page.events) &&
    typeof page.cursor === 'string' &&
    typeof page.gap === 'boolean' &&
    typeof page.more === 'boolean'
  )
}

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
