import type { Member } from '../client/members.ts'
import type { Subscription } from '../driver.ts'
import { isDeleted, metaOf, withoutStamp } from './meta.ts'
import type { HistoryMessage, HistoryPage, HistoryWish } from './types.ts'

/** Reads a page of what the server keeps, with each payload as its schema reads it. What is not valid is left out, and told. */
export async function readHistory(
  subscription: Pick<Subscription, 'since'>,
  { read, onInvalid }: Pick<Member, 'read' | 'onInvalid'>,
  { limit = 100, before, ms, id }: HistoryWish,
  signal: AbortSignal,
): Promise<HistoryPage> {
  const page = await subscription.since?.(undefined, signal, { limit, before, ms, id })
  const messages: HistoryMessage[] = []
  for (const { event, payload: raw, meta: said } of page?.events ?? []) {
    const meta = metaOf(said)
    if (!meta) continue
    if (isDeleted(said)) {
      // Its place stays, so that whoever pages can say that there was one.
      messages.push({ event, deleted: true, meta })
      continue
    }
    const payload = withoutStamp(raw)
    try {
      messages.push({ event, payload: read ? await read(event, payload) : payload, meta })
    } catch (error) {
      // Whoever has asked is not there any more.
      signal.throwIfAborted()
      onInvalid(error)
    }
  }
  return { messages, more: page?.more === true }
}
