import { assertAmounts } from '../history/amounts.ts'
import { readHistory } from '../history/read-history.ts'
import type { HistoryPage, HistoryWish } from '../history/types.ts'
import { assertGiven } from '../base/name.ts'
import { refusal } from '../base/refusal.ts'
import { notKept } from './act.ts'
import type { History } from './history/history.ts'

/** What a server keeps of a topic, for a page that is rendered with it. */
export interface KeptPage extends HistoryPage {
  /** Where the topic was when this was read: with `from` a client's channel goes on exactly behind it. */
  readonly position: string
}

export interface KeptWish extends HistoryWish {
  /** Default false. */
  readonly private?: boolean
}

/** @throws ConfigError `REALTIME_NOT_KEPT`, and `OPTION_INVALID` as `history` of a channel; ValidationError as `publish` for the topic; what the database rejects with. */
export async function readKept(history: History | undefined, topic: string, wish: KeptWish = {}): Promise<KeptPage> {
  const { private: isPrivate = false, ...rest } = wish
  assertGiven('topic', topic)
  const { limit, ms, before, id } = rest
  assertAmounts(refusal, { limit, ms })
  for (const [name, value] of Object.entries({ before, id })) {
    if (typeof (value ?? '') !== 'string') throw refusal(`\`${name}\` is the id of a message.`, 'OPTION_INVALID')
  }
  if (!history?.keeps(topic, isPrivate)) throw notKept(topic)
  const page = await history.latest(topic, isPrivate, { ...rest })
  const events = page.events.map(({ event, json, meta }) => ({
    event,
    payload: JSON.parse(json) as Readonly<Record<string, unknown>>,
    meta,
  }))
  const reader = { read: undefined, onInvalid: () => undefined }
  const found = await readHistory(
    { since: async () => ({ ...page, events }) },
    reader,
    rest,
    new AbortController().signal,
  )
  return { ...found, position: page.cursor }
}
