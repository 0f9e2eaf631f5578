import { restoreFromStore } from './adopt.ts'
import {
  countDrop,
  createBox,
  isFull,
  labelOf,
  persist,
  releaseProcess,
  statsOf,
  reportLosses,
  type Box,
  type Waiter,
} from './box.ts'
import { withoutScope } from '../context/context.ts'
import { advance, hastenFlight, noteArrival, slowDown } from './delivering.ts'
import type { Loss } from './entry.ts'
import { abandon } from './flight.ts'
import { lastWords } from './ending/last-words.ts'
import { limitedNow } from './limited.ts'
import { forgetBeyond } from './queue/limits.ts'
import type { Outbox, OutboxOptions } from './outbox-types.ts'
import { add, comeBack, empty, held, land, putBack, wakeEarly } from './queue/queue.ts'
import type { DropReason, Urgency } from './sink/receipt.ts'
import { longestWait } from './queue/timing.ts'

/**
 * Makes an outbox: the background delivery of one sink.
 *
 * ```ts
 * const outbox = createOutbox<{ id: string; name: string }>({
 *   concern: 'analytics',
 *   driver: 'webhook',
 *   label: ({ id, name }) => ({ id, kind: 'track', bytes: name.length + 64 }),
 *   send: async (batch, { signal }) => {
 *     const answer = await fetch(url, { method: 'POST', body: plainJson(batch), signal })
 *     const failure = httpFailure(answer, { driver: 'webhook', credentials: 'Check TOKEN.', address: 'Check URL.' })
 *     if (failure) throw failure
 *     return DELIVERED
 *   },
 *   limits: { maxItems: 100, maxBytes: 1_000_000, maxItemBytes: 200_000 },
 *   maxQueue: 10_000,
 *   flushIntervalMs: 1000,
 *   timeoutMs: 5000,
 * })
 * ```
 */
export function createOutbox<T>(options: OutboxOptions<T>): Outbox<T> {
  const box = createBox(options)
  box.step = () => step(box)
  if (options.store) restoreFromStore(box)
  return {
    breaker: box.breaker,
    push: (item) => push(box, item),
    drop: (kind, count, reason, detail) => countDrop(box, kind, count, reason, detail),
    stats: () => statsOf(box),
    limited: () => limitedNow(box),
    flush: (timeoutMs, urgency = 'background') => flush(box, timeoutMs, urgency),
    close: (timeoutMs, urgency = 'background') => close(box, timeoutMs, urgency),
    lastWords: () => lastWords(box),
  }
}

/** Goes on, and ends the waits that have no use any more. */
function step<T>(box: Box<T>): void {
  const state = advance(box)
  if (state === 'under way') return
  if (box.phase === 'closing') {
    finishClose(box)
    return
  }
  const { waiters } = box
  if (waiters.length === 0) return
  box.waiters = []
  slowDown(box)
  for (const waiter of waiters) waiter.done()
  // Sets the timer of the background delivery.
  if (state === 'no use') advance(box)
}

function push<T>(box: Box<T>, item: T): boolean {
  const label = labelOf(box, item)
  const { queue, options, counts } = box
  if (!label) return refuse(box, 'unknown', 'unreadable')
  if (box.phase !== 'open') return refuse(box, label.kind, 'closed')
  if (label.bytes > options.limits.maxItemBytes) return refuse(box, label.kind, 'too large')
  const firstOfKind = !queue.lanes.has(label.kind)
  const wasFull = isFull(box)
  if (!add(queue, item, label)) return refuse(box, label.kind, 'queue full')
  counts.accepted += 1
  noteArrival(box)
  // Otherwise the timer is set already, for a time that this item does not change.
  if (!box.flight && (!box.wake || firstOfKind || wasFull !== isFull(box))) box.step()
  return true
}

function refuse<T>(box: Box<T>, kind: string, reason: DropReason): false {
  countDrop(box, kind, 1, reason)
  return false
}

function flush<T>(box: Box<T>, timeoutMs: number, urgency: Urgency): Promise<void> {
  if (box.phase === 'closed' || held(box.queue) === 0) return Promise.resolve()
  return wait(box, timeoutMs, urgency, false)
}

function close<T>(box: Box<T>, timeoutMs: number, urgency: Urgency): Promise<void> {
  if (box.closing) return box.closing
  let finish = (): void => {}
  // Made first: what is dropped at once is told at once, and whoever hears of it may call `close` again.
  const closing = new Promise<void>((resolve) => (finish = resolve))
  box.closing = closing
  box.phase = 'closing'
  void wait(box, timeoutMs, urgency, true).then(finish)
  return closing
}

/** Joins those who wait; the budget ends the wait, and with a close everything else. */
function wait<T>(box: Box<T>, timeoutMs: number, urgency: Urgency, closing: boolean): Promise<void> {
  const budgetMs = timeoutMs > 0 ? timeoutMs : 0
  return new Promise((resolve) => {
    const end = (): void => {
      if (closing) finishClose(box)
      else giveUp(box, waiter)
    }
    // Whoever waits for us wants the process to live until we answer; what is sent or lost then concerns all who recorded.
    const cancel = withoutScope(() => box.clock.setTimeout(end, budgetMs, { keepAlive: true }))
    const until = box.clock.monotonic() + budgetMs
    const done = (): void => {
      cancel()
      resolve()
    }
    const waiter: Waiter = { until, urgency, closing, done }
    const first = box.waiters.length === 0
    box.waiters = [...box.waiters, waiter]
    // Calls listeners of a signal, which must find that somebody waits.
    if (urgency === 'leaving') leave(box)
    // A close must not spend its time on a wait that was measured for the longer budget of a flush, and a page that is
    // left has none.
    if (first || closing || urgency === 'leaving') hurry(box)
    if (closing) forgetBeyond(box.queue.limits, longestWait(box.clock.monotonic(), budgetMs))
    hastenFlight(box)
    box.step()
  })
}

/** The backoff was for nobody in particular; whoever waits now wants to know whether the backend is back. */
function hurry<T>(box: Box<T>): void {
  box.retryAt = 0
  comeBack(box.queue)
  wakeEarly(box.queue)
}

function giveUp<T>(box: Box<T>, waiter: Waiter): void {
  box.waiters = box.waiters.filter((other) => other !== waiter)
  if (box.waiters.length === 0) slowDown(box)
  waiter.done()
  box.step()
}

/** The page goes: what is under way without haste goes with it, so it has to be sent again in the way that survives. */
function leave<T>(box: Box<T>): void {
  const { flight, queue, options } = box
  if (options.leavingMaxBytes && flight && flight.urgency === 'background') {
    box.flight = undefined
    land(queue, flight.entries)
    putBack(queue, flight.entries)
    // Last, since a listener of its signal may use the outbox.
    abandon(flight, new Error('The page is being left.'))
  }
  if (options.store) persist(box)
}

function finishClose<T>(box: Box<T>): void {
  const { flight, queue, waiters, counts } = box
  const entries = [...(flight?.entries ?? []), ...empty(queue)]
  box.phase = 'closed'
  box.flight = undefined
  box.waiters = []
  box.wake?.()
  box.wake = undefined
  releaseProcess(box)
  if (flight) land(queue, flight.entries)
  counts.dropped += entries.length
  if (flight) abandon(flight, new Error('The outbox is closed.'))
  const losses = entries.map((entry): Loss<T> => ({ entry, reason: 'closed' }))
  withoutScope(() => reportLosses(box, losses))
  if (box.stored) persist(box)
  for (const waiter of waiters) waiter.done()
}
