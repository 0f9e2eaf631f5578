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
    Array.isArray(page?.events) &&
    typeof page.cursor === 'string' &&
    typeof page.gap === 'boolean' &&
    typeof page.more === 'boolean'
  )
}
