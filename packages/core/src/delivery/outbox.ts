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

/** Does what is due, and ends waits that can't achieve anything more. */
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
  // Sets the timer for the background delivery.
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
  // Otherwise the timer is already set, and this item does not change its time.
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
  // Set first, because an immediate drop calls `onDrop`, which may call `close` again.
  const closing = new Promise<void>((resolve) => (finish = resolve))
  box.closing = closing
  box.phase = 'closing'
  void wait(box, timeoutMs, urgency, true).then(finish)
  return closing
}

/** Adds a waiting caller. The end of its budget ends the wait and, for a close, the outbox. */
function wait<T>(box: Box<T>, timeoutMs: number, urgency: Urgency, closing: boolean): Promise<void> {
  const budgetMs = timeoutMs > 0 ? timeoutMs : 0
  return new Promise((resolve) => {
    const end = (): void => {
      if (closing) finishClose(box)
      else giveUp(box, waiter)
    }
    // The timer keeps the process alive for the waiting caller. It runs outside the caller's scope, because the items that
    // are then sent or lost belong to others too.
    const cancel = withoutScope(() => box.clock.setTimeout(end, budgetMs, { keepAlive: true }))
    const until = box.clock.monotonic() + budgetMs
    const done = (): void => {
      cancel()
      resolve()
    }
    const waiter: Waiter = { until, urgency, closing, done }
    const first = box.waiters.length === 0
    box.waiters = [...box.waiters, waiter]
    // `leave` aborts a signal, whose listeners must find the waiter already registered.
    if (urgency === 'leaving') leave(box)
    // A close must not spend its budget on a backoff that was chosen for a flush's longer one, and a page that is being
    // left has no time at all.
    if (first || closing || urgency === 'leaving') hurry(box)
    if (closing) forgetBeyond(box.queue.limits, longestWait(box.clock.monotonic(), budgetMs))
    hastenFlight(box)
    box.step()
  })
}

/** Ends the outbox's own backoff: a waiting caller needs to know whether the backend is available again. */
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

/** Takes back a background delivery, which the browser would drop with the page, so that it is sent again in time. */
function leave<T>(box: Box<T>): void {
  const { flight, queue, options } = box
  if (options.leavingMaxBytes && flight && flight.urgency === 'background') {
    box.flight = undefined
    land(queue, flight.entries)
    putBack(queue, flight.entries)
    // Abort last, because a listener of the signal may use the outbox.
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
