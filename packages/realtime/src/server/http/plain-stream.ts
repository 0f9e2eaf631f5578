import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { Position, isCursor, withinPage } from '../../feed/position.ts'
import type { Connection, Transport } from '../entrance/connection.ts'
import type { Runtime } from '../runtime.ts'
import type { EventHeader } from '../wire/format.ts'
import type { KeptTopic } from './kept-topics.ts'
import { inOrder, readId, tagOf, writeId } from './stream-id.ts'

export interface PlainStreamOptions {
  readonly connection: Connection
  readonly transport: Transport
  /** Those of its topics that have a history. */
  readonly kept: readonly KeptTopic[]
  /** Those that have none. */
  readonly others: readonly string[]
  /** What the client has of an earlier stream; of one of other topics, none of these goes on from it. */
  readonly lastEventId: string | null
  /** Resolves when everything has been taken, or nobody takes it any more. */
  drained(): Promise<void>
  readonly runtime: Runtime
}

/** A message with its header, which is read once. */
interface Said {
  readonly header: EventHeader
  readonly data: string
}
const saidBy = (data: string): Said => {
  const end = data.indexOf('\n')
  return { header: JSON.parse(data.slice(0, end)) as EventHeader, data: data.slice(end + 1) }
}

/** Messages that may wait for the history, and their characters. */
const MAX_WAITING = 10_000
const MAX_WAITING_LENGTH = 8 * 1024 * 1024
/** Topics that the id of an event says something of: it comes back in a header field. */
export const MAX_KEPT = 50

/**
 * The messages of a plain event stream: those of its feeds, and of channels that are kept, each once, and each with an id of its own that says how far the
 * stream has come in every one of them, so that `Last-Event-ID` goes on exactly there.
 */
export function servePlainStream(options: PlainStreamOptions): void {
  const { connection, transport, runtime } = options
  const kept = inOrder(options.kept).map(({ topic }) => topic)
  const tag = tagOf(options.kept)
  const sources = new Map(options.kept.map((source) => [source.topic, source]))
  /** A cursor while history is read, else what was heard. `undefined`: where the topic is now, or its latest messages. */
  const at = new Map<string, Position | string | undefined>(kept.map((topic) => [topic, undefined]))
  /** Where all others are is known before one has something to tell, since each id says it. */
  const behind = new Set(
    options.kept.toSorted((a, b) => Number(!!a.latest) - Number(!!b.latest)).map(({ topic }) => topic),
  )
  let waiting: Said[] = []
  let waitingLength = 0
  let reading = false
  /** Those that were told a gap: they go on from now. */
  const isLost = new Set<string>()

  const idLine = (): string =>
    `id: ${writeId(
      kept.map((topic) => at.get(topic)?.toString()),
      tag,
    )}\n`
  const tellGap = (topic: string): void => transport.send(`event: gap\ndata: ${JSON.stringify({ topic })}\n\n`)

  const send = connection.sendRaw.bind(connection)
  const handOn = ({ header: { topic, cursor, more }, data }: Said): void => {
    if (more && topic !== undefined && at.has(topic)) {
      behind.add(topic)
      return read()
    }
    const position = topic === undefined ? undefined : at.get(topic)
    if (!(position instanceof Position) || topic === undefined || !isCursor(cursor)) return send(data)
    const taken = position.take(cursor)
    if (taken === 'known') return
    if (taken === 'other') {
      at.set(topic, Position.of(cursor))
      tellGap(topic)
    }
    send(idLine() + data)
  }
  /** It is told at once, as the stream may end with it, and nothing comes behind it: who was sent away may not hear what waits. */
  const close = (closed: string, said: Said): void => {
    waiting = waiting.filter(({ header }) => header.topic !== closed)
    waitingLength = waiting.reduce((sum, { data }) => sum + data.length, 0)
    send(said.data)
  }
  connection.sendRaw = (data) => {
    if (typeof data !== 'string' || data === '') return
    const said = saidBy(data)
    const { closed } = said.header
    if (closed !== undefined) return close(closed, said)
    if (!reading) return handOn(said)
    waiting.push(said)
    waitingLength += said.data.length
    // It comes back, and goes on from where it was.
    if (waiting.length > MAX_WAITING || waitingLength > MAX_WAITING_LENGTH) connection.terminate()
  }

  const isIn = (topic: string): boolean => connection.memberships.has(`${CHANNEL}${topic}`)
  /** Nothing is read for a stream that is gone, nor of a topic that it was sent out of. */
  const isWanted = (topic: string): boolean => !connection.gone && isIn(topic)

  /** The topic's latest messages. Between them its position is what was heard of them, and nothing of before. */
  const beginTopic = async (topic: string, latest: NonNullable<KeptTopic['latest']>): Promise<void> => {
    const page = await latest(() => isWanted(topic))
    await options.drained()
    if (!page || !isIn(topic)) return
    let heard: Position | undefined
    for (const { block, cursor = '' } of page.events) {
      if (heard) heard.take(cursor)
      else heard = Position.of(cursor)
      at.set(topic, heard)
      transport.send(idLine() + block)
    }
    at.set(topic, Position.of(page.cursor))
  }
  /** All that came after the topic's position. */
  const readTopic = async (topic: string): Promise<void> => {
    const source = sources.get(topic)
    if (!source) return
    if (source.latest && at.get(topic) === undefined && !isLost.has(topic)) return beginTopic(topic, source.latest)
    for (let more = true; more && isWanted(topic);) {
      const position = at.get(topic)
      const before = position === undefined ? undefined : String(position)
      const page = await source.since(before, () => isWanted(topic))
      // At the reader's pace: what it has not taken counts against it.
      await options.drained()
      // It was sent out of this one meanwhile.
      if (!page || !isIn(topic)) return
      if (page.gap) tellGap(topic)
      for (const { block, row, cursor } of page.events) {
        at.set(topic, row === undefined ? cursor : withinPage(before ?? '', page.cursor, row))
        transport.send(idLine() + block)
      }
      more = page.more
      at.set(topic, more ? page.cursor : Position.of(page.cursor))
    }
  }
  const next = (): Said | undefined => (reading || connection.gone ? undefined : waiting.shift())
  const readAll = async (): Promise<void> => {
    // It comes into its topics right after this.
    await Promise.resolve()
    try {
      while (!connection.gone) {
        const [topic] = behind
        if (topic === undefined) break
        behind.delete(topic)
        await readTopic(topic)
      }
      // A block without data sets the id, and is no message.
      if (kept.length > 0) transport.send(`${idLine()}\n`)
      reading = false
      // One of them may say that there is more to read, for which the others wait.
      for (let said = next(); said !== undefined; said = next()) {
        waitingLength -= said.data.length
        handOn(said)
      }
    } catch (error) {
      if (connection.gone) return
      runtime.report(error, 'read a feed', { topic: kept.join(', ') })
      connection.terminate()
    }
  }
  const read = (): void => {
    if (reading || behind.size === 0) return
    reading = true
    void readAll()
  }

  if (options.lastEventId !== null) {
    // It was away, and nobody knows what it missed there.
    for (const topic of options.others) tellGap(topic)
    const given = readId(options.lastEventId, kept.length, tag)
    // What can't be gone on from may have been missed.
    for (const [index, topic] of kept.entries()) {
      const place = given?.[index]
      if (typeof place === 'string') at.set(topic, place)
      else if (!given || place?.lost || !sources.get(topic)?.latest) {
        isLost.add(topic)
        tellGap(topic)
      }
    }
  }
  read()
}
