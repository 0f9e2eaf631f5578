import type { ActionMeta, KeptMeta } from '../history/types.ts'

/** Part of what came after a cursor. */
export interface FeedPage {
  /** Oldest first. What was done to messages is among them, by its `meta`. The payload's `_msc.id` is the same as in the live message. */
  readonly events: readonly {
    readonly event: string
    readonly payload: Readonly<Record<string, unknown>>
    /** Of a channel's message, whose payload is as it was sent. */
    readonly meta?: KeptMeta | ActionMeta | undefined
  }[]
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

/** A page as JSON, with each payload as the database wrote it. */
export function pageJson({ gap, more, cursor, events }: FeedPageJson): string {
  const said = events.map(({ event, json, meta }) => {
    const own = meta ? `,"meta":${JSON.stringify(meta)}` : ''
    return `{"event":${JSON.stringify(event)},"payload":${json}${own}}`
  })
  return `{"gap":${gap},"more":${more},"cursor":${JSON.stringify(cursor)},"events":[${said.join(',')}]}`
}

export interface FeedPageJson extends Omit<FeedPage, 'events'> {
  readonly events: readonly {
    readonly event: string
    readonly json: string
    readonly meta?: KeptMeta | ActionMeta | undefined
  }[]
}
