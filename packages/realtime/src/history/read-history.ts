import type { Member } from '../client/members.ts'
import type { Subscription } from '../driver.ts'
import { metaOf } from './meta.ts'
import type { HistoryMessage, HistoryPage, HistoryWish } from './types.ts'

/** Reads a page of what the server keeps, with each payload as its schema reads it. What is not valid is left out, and told. */
export async function readHistory(
  subscription: Pick<Subscription, 'since'>,
  { read, onInvalid }: Pick<Member, 'read' | 'onInvalid'>,
  { limit = 100, before, ms }: HistoryWish,
  signal: AbortSignal,
): Promise<HistoryPage> {
  const page = await subscription.since?.(undefined, signal, { limit, before, ms })
  const messages: HistoryMessage[] = []
  for (const { event, payload: raw, meta: said } of page?.events ?? []) {
    const meta = metaOf(said)
    if (!meta) continue
    const payload = withoutStamp(raw)
    try {
      messages.push({ event, payload: read ? await read(event, payload) : payload, meta })
    } catch (error) {
      onInvalid(error)
    }
  }
  return { messages, more: page?.more === true }
}

/** As `unstamped` does, which a page has loaded already and which would be split if it were imported here. */
function withoutStamp(raw: unknown): unknown {
  if ({}.toString.call(raw) !== '[object Object]') return raw
  const { _msc, ...payload } = raw as Readonly<Record<string, unknown>>
  return payload
}
