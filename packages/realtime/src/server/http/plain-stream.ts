import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { FeedSource } from '../../feed/source.ts'
import { Position, isCursor, withinPage } from '../../feed/position.ts'
import type { Connection, Transport } from '../entrance/connection.ts'
import type { Runtime } from '../runtime.ts'
import type { EventHeader } from '../wire/format.ts'

export interface PlainStreamOptions {
  readonly connection: Connection
  readonly transport: Transport
  /** Those of its topics that have a history. */
  readonly kept: readonly string[]
  readonly feeds: FeedSource | undefined
  /** What the client has of an earlier stream of the same topics. */
  readonly lastEventId: string | null
  /** Resolves when everything has been taken, or nobody takes it any more. */
  drained(): Promise<void>
  readonly runtime: Runtime
}

const PAGE = 500
/** Messages that may wait for the history, and their characters. */
const MAX_WAITING = 10_000
const MAX_WAITING_LENGTH = 8 * 1024 * 1024
/** Between the positions in an id. */
const BETWEEN = '~'
/** As many feeds as fit into the id of an event, which comes back in a header field. */
export const MAX_FEEDS = 50

/**
 * The messages of a plain event stream: those of its feeds each once, and each with an id of its own that says how far the
 * stream has come in every one of them, so that `Last-Event-ID` goes on exactly there.
 */
export function servePlainStream(options: PlainStreamOptions): void {
  const { connection, transport, kept, feeds, runtime } = options
  /** A cursor while history is read, else what was heard. `undefined`: where the feed is now. */
  const at = new Map<string, Position | string | undefined>(kept.map((topic) => [topic, undefined]))
  const behind = new Set(feeds ? kept : [])
  const waiting: string[] = []
  let waitingLength = 0
  let reading = false

  const idLine = (): string => `id: ${kept.map((topic) => String(at.get(topic))).join(BETWEEN)}\n`
  const tellGap = (topic: string): void => transport.send(`event: gap\ndata: ${JSON.stringify({ topic })}\n\n`)

  const send = connection.sendRaw.bind(connection)
  const handOn = (data: string): void => {
    const end = data.indexOf('\n')
    const { topic, cursor, more } = JSON.parse(data.slice(0, end)) as EventHeader
    if (more && topic !== undefined && at.has(topic)) {
      behind.add(topic)
      return read()
    }
    const position = topic === undefined ? undefined : at.get(topic)
    if (!(position instanceof Position) || topic === undefined || !isCursor(cursor)) return send(data.slice(end + 1))
    const taken = position.take(cursor)
    if (taken === 'known') return
    if (taken === 'other') {
      at.set(topic, Position.of(cursor))
      tellGap(topic)
    }
    send(idLine() + data.slice(end + 1))
  }
  connection.sendRaw = (data) => {
    if (typeof data !== 'string' || data === '') return
    if (!reading) return handOn(data)
    waiting.push(data)
    waitingLength += data.length
    // It comes back, and goes on from where it was.
    if (waiting.length > MAX_WAITING || waitingLength > MAX_WAITING_LENGTH) connection.terminate()
  }

  /** All that came after the topic's position. */
  const readTopic = async (topic: string, source: FeedSource): Promise<void> => {
    for (let more = true; more && !connection.gone;) {
      const position = at.get(topic)
      const before = position === undefined ? undefined : String(position)
      const page = await source.since(topic, before, PAGE)
      // At the reader's pace: what it has not taken counts against it.
      await options.drained()
      // It was sent out of this one meanwhile.
      if (!connection.memberships.has(`${CHANNEL}${topic}`)) return
      if (page.gap) tellGap(topic)
      for (const { event, body, row } of page.events) {
        at.set(topic, withinPage(before ?? '', page.cursor, row))
        transport.send(
          `${idLine()}data: {"topic":${JSON.stringify(topic)},"event":${JSON.stringify(event)},"payload":${body}}\n\n`,
        )
      }
      more = page.more
      at.set(topic, more ? page.cursor : Position.of(page.cursor))
    }
  }
  const next = (): string | undefined => (reading || connection.gone ? undefined : waiting.shift())
  const readAll = async (source: FeedSource): Promise<void> => {
    try {
      while (!connection.gone) {
        const [topic] = behind
        if (topic === undefined) break
        behind.delete(topic)
        await readTopic(topic, source)
      }
      // A block without data sets the id, and is no message.
      if (kept.length > 0) transport.send(`${idLine()}\n`)
      reading = false
      // One of them may say that there is more to read, for which the others wait.
      for (let data = next(); data !== undefined; data = next()) {
        waitingLength -= data.length
        handOn(data)
      }
    } catch (error) {
      runtime.report(error, 'read a feed', { topic: kept.join(', ') })
      connection.terminate()
    }
  }
  const read = (): void => {
    if (!feeds || reading || behind.size === 0) return
    reading = true
    void readAll(feeds)
  }

  if (options.lastEventId !== null && feeds) {
    const given = options.lastEventId.split(BETWEEN)
    const isKnown = given.length === kept.length && given.every(isCursor)
    // What can't be gone on from may have been missed.
    for (const [index, topic] of kept.entries()) {
      if (isKnown) at.set(topic, given[index])
      else tellGap(topic)
    }
  }
  read()
}
