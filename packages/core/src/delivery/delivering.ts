import { MscError } from '../errors/errors.ts'
import { isInDeliveryReport, withoutScope } from '../context/context.ts'
import { COOLDOWN_MS, holdProcess, isFull, persist, releaseProcess, report, reportLosses, type Box } from './box.ts'
import type { Entry } from './entry.ts'
import { createFlight, hasten, takeOff, type Answer, type Departure, type Flight } from './flight.ts'
import { limit } from './queue/limits.ts'
import { waitAfter, type Pace } from './queue/pace.ts'
import { planFailure, planLateReceipt, planReceipt, type Outcome, type PlanOptions } from './queue/plan.ts'
import {
  comeBack,
  held,
  land,
  putBack,
  putLast,
  putToRest,
  readyAt,
  setAside,
  take,
  type BatchBounds,
} from './queue/queue.ts'
import { readFailure } from './sink/read-failure.ts'
import { readReceipt } from './sink/read-receipt.ts'
import type { Urgency } from './sink/receipt.ts'
import { fitsWithin, nextDelivery, requestTime, waitWithin } from './queue/timing.ts'
import { TURN_MS, begins, waitsFor } from './queue/turns.ts'

/** Milliseconds to wait while the breaker lets no call through. */
const BREAKER_POLL_MS = 500

/**
 * Sends now, or sets the timer for the next delivery. `nothing left` and `no use` mean that waiting callers need not wait
 * any longer.
 */
export function advance<T>(box: Box<T>): 'under way' | 'nothing left' | 'no use' {
  if (box.phase === 'closed') return 'nothing left'
  if (held(box.queue) === 0) {
    sleepUntil(box, Infinity)
    releaseProcess(box)
    box.dueAt = Infinity
    return 'nothing left'
  }
  if (box.flight) return 'under way'
  const now = box.clock.monotonic()
  const budget = budgetOf(box)
  const { dueAt, retryAt, heldUntil } = box
  const at = nextDelivery({
    now,
    readyAt: readyAt(box.queue, now),
    dueAt: isFull(box) ? now : dueAt,
    retryAt,
    heldUntil,
    budget,
  })
  if (at === 'never') return 'no use'
  if (at > now) {
    sleepUntil(box, at)
    return 'under way'
  }
  box.turn = budget || !box.isSilent ? undefined : waitsFor(box.clock, box.turn)
  if (box.turn) {
    sleepUntil(box, now + TURN_MS)
    return 'under way'
  }
  const urgency = urgencyOf(box)
  // This calls the sink's `leavingMaxBytes`, which may do anything: push an item that starts a delivery, or answer an earlier
  // one late, with a limit for what was about to be sent.
  const bounds = boundsOf(box, urgency)
  if (box.flight || isClosed(box) || held(box.queue) === 0) return 'under way'
  const ready = readyAt(box.queue, now) ?? Infinity
  if (ready > now) {
    sleepUntil(box, ready)
    return 'under way'
  }
  // A flush and a close ignore an open breaker, because items that they can't deliver may be lost.
  if (!box.breaker.tryAcquire() && !budget) sleepUntil(box, now + BREAKER_POLL_MS)
  // A listener of the breaker may have pushed an item, which may have started the next delivery.
  else if (!box.flight && !isClosed(box)) depart(box, now, budget, urgency, bounds)
  return 'under way'
}

/** Returns the latest time that a waiting caller allows; during a close, only the closing callers count. */
function budgetOf<T>({ waiters, phase }: Box<T>): { until: number; closing: boolean } | undefined {
  if (waiters.length === 0) return undefined
  const closing = phase === 'closing'
  const wanted = closing ? waiters.filter((waiter) => waiter.closing) : waiters
  return { until: Math.max(...wanted.map(({ until }) => until)), closing }
}

/** Shortens a background delivery that is in flight, so that it does not use up the budget of a waiting caller. */
export function hastenFlight<T>(box: Box<T>): void {
  const budget = budgetOf(box)
  if (!box.flight || !budget) return
  const left = budget.until - box.clock.monotonic()
  hasten(box.flight, departureOf(box, box.flight), requestTime(box.options.timeoutMs, left, box.pace.failures))
}

/** Goes back to background delivery after a flush. */
export function slowDown<T>(box: Box<T>): void {
  const { failures } = box.pace
  const now = box.clock.monotonic()
  if (held(box.queue) > 0) box.dueAt = Math.min(box.dueAt, now)
  // Retries within a budget are more frequent than an unavailable backend should get.
  if (failures > 0) box.retryAt = Math.max(box.retryAt, now + waitAfter(failures, randomOf(box)))
}

function sleepUntil<T>(box: Box<T>, at: number): void {
  box.wake?.()
  box.wake = undefined
  if (at === Infinity) return
  const wake = (): void => {
    box.wake = undefined
    box.step()
  }
  box.wake = withoutScope(() => box.clock.setTimeout(wake, at - box.clock.monotonic()))
}

const URGENCIES: readonly Urgency[] = ['background', 'leaving', 'fatal']

function urgencyOf<T>({ waiters }: Box<T>): Urgency {
  const ranks = waiters.map(({ urgency }) => URGENCIES.indexOf(urgency))
  return URGENCIES[Math.max(0, ...ranks)] ?? 'background'
}

/** A callback may have closed it since the last look. */
function isClosed<T>({ phase }: Box<T>): boolean {
  return phase === 'closed'
}

function depart<T>(
  box: Box<T>,
  now: number,
  budget: { until: number } | undefined,
  urgency: Urgency,
  bounds: BatchBounds,
): void {
  sleepUntil(box, Infinity)
  const batch = take(box.queue, bounds, now)
  const flight = createFlight(batch, urgency)
  box.flight = flight
  begins(box.clock, flight)
  const { timeoutMs } = box.options
  const allowed = budget ? requestTime(timeoutMs, budget.until - now, box.pace.failures) : timeoutMs
  // A batch holds items of many units of work, so its delivery must run in the scope of none.
  withoutScope(() => takeOff(flight, departureOf(box, flight), allowed))
}

function departureOf<T>(box: Box<T>, flight: Flight<T>): Departure<T> {
  const { concern, driver, send } = box.options
  return {
    clock: box.clock,
    send,
    operation: `[msc/${concern}] [${driver}] send`,
    report: (error) => report(box, error, 'send'),
    onAnswer: (answer) => settle(box, flight, answer),
  }
}

function boundsOf<T>(box: Box<T>, urgency: Urgency): BatchBounds {
  const { options, pace } = box
  const { limits, leavingMaxBytes } = options
  const leaving = urgency === 'leaving' && leavingMaxBytes !== undefined
  // A page that is being left has one chance to send, so it ignores the reduced batch size for a recovering backend.
  const maxItems = leaving ? limits.maxItems : Math.max(1, Math.min(limits.maxItems, pace.size))
  const room = leaving ? leavingRoom(box, leavingMaxBytes) : Infinity
  // Without room for a keepalive request, a plain one of any allowed size is tried.
  return { maxItems, maxBytes: room > 0 ? Math.min(limits.maxBytes, room) : limits.maxBytes }
}

/** Returns 0 when the callback fails, so that a plain request is tried. */
function leavingRoom<T>(box: Box<T>, ask: () => number): number {
  try {
    return ask()
  } catch (error) {
    report(box, error, 'leavingMaxBytes')
    return 0
  }
}

function randomOf<T>({ options }: Box<T>): () => number {
  return options.random ?? Math.random
}

function settle<T>(box: Box<T>, flight: Flight<T>, answer: Answer): void {
  const options = {
    maxItems: box.options.limits.maxItems,
    maxAttempts: box.options.maxAttempts ?? 5,
    random: randomOf(box),
  }
  const { entries } = flight
  box.isSilent = flight.late !== undefined
  const outcome = planAnswer(entries, answer, box.pace, options)
  place(box, flight, outcome)
  // From here on the state is consistent, so callbacks may use the outbox.
  if (outcome.verdict === 'outage') box.breaker.fail()
  else box.breaker.succeed()
  if (box.breaker.state === 'open') box.retryAt = Math.max(box.retryAt, retryAfterCooldown(box))
  reportLosses(box, outcome.lost)
  if (outcome.report) report(box, failureOf(box, answer), 'send')
  if (box.stored || entries.length > outcome.delivered.length + outcome.lost.length) persist(box)
  box.step()
}

function planAnswer<T>(batch: readonly Entry<T>[], answer: Answer, pace: Pace, options: PlanOptions): Outcome<T> {
  if ('error' in answer) return planFailure(batch, readFailure(answer.error), pace, options)
  const receipt = readReceipt(answer.receipt)
  if (!answer.late) return planReceipt(batch, receipt, pace, options)
  return planLateReceipt(batch, receipt, readFailure(answer.late), pace, options)
}

/** Returns the error to report to the operator. */
function failureOf<T>(box: Box<T>, answer: Answer): unknown {
  return 'error' in answer ? answer.error : (answer.late ?? malformed(box))
}

function retryAfterCooldown<T>(box: Box<T>): number {
  return box.waiters.length > 0 ? 0 : box.clock.monotonic() + COOLDOWN_MS
}

function malformed<T>({ options }: Box<T>): MscError {
  return new MscError(`[${options.driver}] The sink returned a value that is not a receipt.`, {
    code: 'RECEIPT_MALFORMED',
    hint: 'Return DELIVERED or { rejected, limits } from `send`.',
  })
}

/** Applies the planned outcome in one synchronous step, so that no callback sees an intermediate state. */
function place<T>(box: Box<T>, flight: Flight<T>, outcome: Outcome<T>): void {
  const { queue, counts } = box
  const now = box.clock.monotonic()
  const budget = budgetOf(box)
  const left = (budget?.until ?? Infinity) - now
  box.flight = undefined
  box.pace = outcome.pace
  land(queue, flight.entries)
  counts.delivered += outcome.delivered.length
  counts.dropped += outcome.lost.length
  putBack(queue, outcome.back)
  for (const { entry, forMs } of outcome.resting) {
    const rest = waitWithin(forMs, left)
    putToRest(queue, rest < forMs ? { ...entry, hurried: true } : entry, now + rest)
  }
  for (const entry of outcome.last) putLast(queue, entry)
  for (const entry of outcome.aside) setAside(queue, entry)
  if (outcome.delivered.length > 0) comeBack(queue)
  // A close ignores limits that outlast its budget: an early request is better than none, since nothing comes after it.
  limit(
    queue.limits,
    budget?.closing ? outcome.limits.filter(({ forMs }) => fitsWithin(forMs, left)) : outcome.limits,
    now,
  )
  const patience = outcome.patience.map(({ kinds, forMs }) => ({ kinds, forMs: waitWithin(forMs, left) }))
  limit(queue.patience, patience, now)
  box.retryAt = outcome.waitMs > 0 ? now + waitWithin(outcome.waitMs, left) : 0
  if (outcome.holdMs > 0) box.heldUntil = Math.max(box.heldUntil, now + outcome.holdMs)
  else if (outcome.delivered.length > 0) box.heldUntil = 0
  // Items that were tried once have waited for others long enough.
  if (queue.queued.items > 0) box.dueAt = Math.min(box.dueAt, now)
  else box.dueAt = Infinity
}

/** Must be called for each accepted item: sets the due time and keeps the process alive. */
export function noteArrival<T>(box: Box<T>): void {
  if (box.dueAt === Infinity) {
    const { flushIntervalMs, timeoutMs } = box.options
    // An item must not wait longer than the process is certain to stay alive.
    box.dueAt = box.clock.monotonic() + Math.min(flushIntervalMs, timeoutMs / 2)
  }
  // A reporter that sends failures adds an item for each failed delivery, and would keep the process alive forever.
  if (!isInDeliveryReport()) holdProcess(box)
}
