import { backoff, deadline, emit, readField, sleep, withoutScope } from '@msc/core'
import { formatFrame } from '../../bus/frame.ts'
import type { RealtimeBus } from '../../bus/bus.ts'
import type { Signing } from '../../bus/signing.ts'
import type { Runtime } from '../runtime.ts'

/** What waits to be sent: so many messages, and so many characters. */
const MAX_WAITING = 20_000
const MAX_WAITING_LENGTH = 8 * 1024 * 1024
/** Characters of messages that go together. */
const FRAME_LENGTH = 64 * 1024
/** Milliseconds for one attempt. */
const SEND_MS = 2000
/** Milliseconds after which what was not sent is dropped, unless it is kept: nobody wants to hear it then. */
const STALE_MS = 10_000
/** Milliseconds after which what waited is said otherwise, where it has another way. */
const LATE_MS = 1000
const RETRY = { baseMs: 100, maxMs: 1000 }
/** Milliseconds that the last words may take. */
const GOODBYE_MS = 1000

interface Waiting {
  readonly text: string
  readonly at: number
  /** Sent however late. */
  readonly kept: boolean
  /** What is said in its place when it has waited. */
  readonly late?: Late | undefined
  /** For one server, which misses nothing by it: whoever sent it waits for an answer. */
  readonly directed?: true
}

/** @param waitedMs Since it was said. */
export type Late = (waitedMs: number) => readonly string[]

interface SenderStats {
  readonly sent: number
  readonly dropped: number
  readonly waiting: number
  /** Why the last attempt failed, while they do. */
  readonly failing: boolean
}

/** Sends what this server says, one frame after the other. */
export interface Sender {
  readonly stats: SenderStats
  /** Never throws. What finds no room is dropped, which the other servers see by the numbers. */
  send(text: string, kept?: boolean, late?: Late): void
  /** The same for one server alone; false where it is not sent, as the bus is away or too much waits. */
  direct(text: string): boolean
  /** Sends these behind what waits, piece by piece, in place of those that were given before. */
  stream(pieces: Iterator<string>): void
  /** Sends a last message and nothing more, within a second. Never rejects. */
  close(last: string): Promise<void>
}

/**
 * A frame that could not be sent is sent again with its number, so that whoever got it after all knows it, and as it is, but for what
 * is said otherwise once it has waited. One that is given up leaves a number out.
 */
export function createSender(bus: RealtimeBus, id: string, signing: Signing, { clock, report }: Runtime): Sender {
  let queue: Waiting[] = []
  let length = 0
  let number = 0
  let stream: Iterator<string> | undefined
  let running: Promise<void> | undefined
  let closing = false
  const ended = new AbortController()
  const counts = { sent: 0, dropped: 0, failing: false }
  /** Something was dropped since the last frame. */
  let lost = false

  const drop = (count: number, reason: string, isMissed = true): void => {
    if (isMissed) lost = true
    counts.dropped += count
    emit('driver.drop', { concern: 'realtime', driver: bus.name, reason, count })
  }
  const dropStale = (): void => {
    const before = clock.monotonic() - STALE_MS
    if (queue.length === 0 || (queue[0] as Waiting).at > before) return
    const fresh = queue.filter(({ at, kept }) => kept || at > before)
    if (fresh.length === queue.length) return
    const isMissed = queue.some(({ at, kept, directed }) => !(kept || at > before || directed))
    drop(queue.length - fresh.length, 'bus away', isMissed)
    queue = fresh
    length = fresh.reduce((sum, { text }) => sum + text.length, 0)
  }
  /** What goes next. */
  const take = (): Waiting[] => {
    dropStale()
    let size = 0
    let count = 0
    for (const { text } of queue) {
      if (count > 0 && size + text.length > FRAME_LENGTH) break
      size += text.length
      count += 1
    }
    const taken = queue.splice(0, count)
    length -= size
    if (!stream || size > FRAME_LENGTH / 2) return taken
    const piece = stream.next()
    if (piece.done) stream = undefined
    else taken.push({ text: piece.value, at: clock.monotonic(), kept: false })
    return taken
  }
  const textsOf = ({ text, at, late }: Waiting): readonly string[] => {
    const waitedMs = clock.monotonic() - at
    return late && waitedMs > LATE_MS ? late(waitedMs) : [text]
  }
  const attempt = (text: string): Promise<void> =>
    deadline((signal) => bus.send(text, signal), {
      operation: `[msc/realtime] [${bus.name}] send`,
      timeoutMs: SEND_MS,
      signal: ended.signal,
      clock,
    })
  const sendFrame = async (messages: readonly Waiting[]): Promise<void> => {
    number += lost ? 2 : 1
    lost = false
    const head = { from: id, number, at: clock.now(), isPublisher: false }
    const from = clock.monotonic()
    for (let tries = 0; ; tries++) {
      try {
        await attempt(formatFrame(head, messages.flatMap(textsOf), signing))
        counts.failing = false
        counts.sent += messages.length
        return
      } catch (error) {
        if (ended.signal.aborted) return
        // Once for an outage.
        if (!counts.failing) report(error, 'send over the bus')
        counts.failing = true
        if (readField(error, 'retryable') === false || clock.monotonic() - from >= STALE_MS) {
          const kept = readField(error, 'retryable') === false ? [] : messages.filter((message) => message.kept)
          drop(messages.length - kept.length, 'bus away')
          // With another number: it may have arrived, and then only its effect is repeated.
          lost = true
          queue.unshift(...kept)
          for (const each of kept) length += each.text.length
          return
        }
        await sleep(backoff(tries, RETRY), { clock, signal: ended.signal }).catch(() => undefined)
      }
    }
  }
  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const messages = take()
      if (messages.length === 0) return
      await sendFrame(messages)
    }
  }
  const start = (): void => {
    running ??= withoutScope(async () => {
      // What is said in this turn of the loop goes together.
      await Promise.resolve()
      await run().catch((error: unknown) => report(error, 'send over the bus'))
      running = undefined
      if (queue.length > 0 && !ended.signal.aborted) start()
    })
  }
  const idle = async (): Promise<void> => {
    if (!running) return
    await running
    await idle()
  }
  const direct = (text: string): boolean => {
    // What is said to all has the other half.
    if (closing || counts.failing || length + text.length > MAX_WAITING_LENGTH / 2 || queue.length > MAX_WAITING / 2) {
      return false
    }
    queue.push({ text, at: clock.monotonic(), kept: false, directed: true })
    length += text.length
    start()
    return true
  }
  const add = (text: string, kept: boolean, late?: Late): void => {
    if (queue.length >= MAX_WAITING || length + text.length > MAX_WAITING_LENGTH) return drop(1, 'bus queue full')
    queue.push({ text, at: clock.monotonic(), kept, late })
    length += text.length
    start()
  }
  return {
    get stats() {
      return { ...counts, waiting: queue.length }
    },
    send(text, kept = false, late) {
      if (!closing) add(text, kept, late)
    },
    direct,
    stream(pieces) {
      if (closing) return
      stream = pieces
      start()
    },
    async close(last) {
      closing = true
      stream = undefined
      add(last, true)
      const cancel = clock.setTimeout(() => ended.abort(), GOODBYE_MS, { keepAlive: true })
      await idle()
      cancel()
      ended.abort()
    },
  }
}
