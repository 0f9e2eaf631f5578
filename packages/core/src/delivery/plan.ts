import { backoff } from '../backoff.ts'
import type { Entry, Loss } from './entry.ts'
import type { ReadFailure } from './read-failure.ts'
import type { ReadReceipt } from './read-receipt.ts'
import type { KindLimit } from './receipt.ts'

/** How the outbox goes on with this backend, as data. */
export interface Pace {
  /** Failures in a row; the exponent of the backoff. */
  readonly failures: number
  /** Refusals in a row since anything was delivered. */
  readonly refusals: number
  /** Items that the next batch may have. */
  readonly size: number
  /** Items delivered so far. */
  readonly delivered: number
  /** The number of the last part that a refused batch was cut into. */
  readonly parts: number
  /** The refusal of the backend has been reported, and nothing was delivered since. */
  readonly refusalReported: boolean
  /** A receipt that could not be read has been reported. */
  readonly malformedReported: boolean
}

export interface PlanOptions {
  /** Items that a batch may have at most. */
  readonly maxItems: number
  /** Strikes after which an item is given up. */
  readonly maxAttempts: number
  readonly random: () => number
}

/** What becomes of a batch, and what comes after it. Each entry of the batch is in exactly one of the lists. */
export interface Outcome<T> {
  readonly delivered: readonly Entry<T>[]
  readonly lost: readonly Loss<T>[]
  /** Back to their places. */
  readonly back: readonly Entry<T>[]
  /** Back to their places, each after a wait of its own. */
  readonly resting: readonly { readonly entry: Entry<T>; readonly forMs: number }[]
  /** Behind all others. */
  readonly last: readonly Entry<T>[]
  /** Out of the way until something else has been tried. */
  readonly aside: readonly Entry<T>[]
  readonly limits: readonly KindLimit[]
  readonly pace: Pace
  /** What it was to the breaker: an answer, whatever it said, or an outage. */
  readonly verdict: 'answer' | 'outage'
  /** Milliseconds until the next delivery of our own accord; 0 for none. */
  readonly waitMs: number
  /** Milliseconds for which the backend wants to be left alone; 0 for none. */
  readonly holdMs: number
  /** The operator has to hear of this failure. */
  readonly report: boolean
}

const BASE_MS = 500
const MAX_MS = 30_000
/** Full jitter may choose nothing, which is no wait at all. */
const SHORTEST_MS = 20

export function firstPace(maxItems: number): Pace {
  return {
    failures: 0,
    refusals: 0,
    size: maxItems,
    delivered: 0,
    parts: 0,
    refusalReported: false,
    malformedReported: false,
  }
}

/** Milliseconds to wait after `failures` failures in a row, with full jitter. */
export function waitAfter(failures: number, random: () => number): number {
  return Math.max(SHORTEST_MS, backoff(failures - 1, { baseMs: BASE_MS, maxMs: MAX_MS, random }))
}

/** What a receipt means for the batch that it is about. */
export function planReceipt<T>(
  batch: readonly Entry<T>[],
  receipt: ReadReceipt,
  before: Pace,
  options: PlanOptions,
): Outcome<T> {
  const pace = { ...before, malformedReported: before.malformedReported || receipt.malformed }
  const report = receipt.malformed && !before.malformedReported
  const delivered: Entry<T>[] = []
  const lost: Loss<T>[] = []
  const limited: Entry<T>[] = []
  const sentBack: Entry<T>[] = []
  for (const entry of batch) {
    const rejection = receipt.rejected.get(entry.id)
    if (!rejection) delivered.push(entry)
    else if (!rejection.retryable) lost.push({ entry, reason: rejection.reason, detail: rejection.detail })
    else if (isLimited(entry.kind, receipt.limits)) limited.push(entry)
    else sentBack.push(entry)
  }
  const nothing = { last: [], aside: [], limits: receipt.limits, holdMs: 0, report } as const
  if (sentBack.length > 1 && sentBack.length === batch.length) {
    // All of several: the backend is overloaded, and it is nobody's fault. An outage, told politely.
    const failures = pace.failures + 1
    const waitMs = waitAfter(failures, options.random)
    return outcome({ ...nothing, back: batch, pace: { ...pace, failures }, waitMs })
  }
  const resting: { entry: Entry<T>; forMs: number }[] = []
  for (const entry of sentBack) {
    const strikes = entry.strikes + 1
    const detail = receipt.rejected.get(entry.id)?.detail
    if (strikes >= options.maxAttempts) lost.push({ entry, reason: 'retries exhausted', detail })
    else resting.push({ entry: { ...entry, strikes }, forMs: waitAfter(strikes, options.random) })
  }
  // What is limited waits by its kind, and no strike is due: the limit is not the item's fault.
  return outcome({ ...nothing, delivered, lost, back: limited, resting, pace: afterAnswer(pace, delivered, options) })
}

function isLimited(kind: string, limits: readonly KindLimit[]): boolean {
  return limits.some(({ kinds }) => kinds === 'all' || kinds.includes(kind))
}

function afterAnswer<T>(pace: Pace, delivered: readonly Entry<T>[], { maxItems }: PlanOptions): Pace {
  if (delivered.length === 0) return { ...pace, failures: 0 }
  return {
    ...pace,
    failures: 0,
    refusals: 0,
    size: Math.min(maxItems, pace.size * 2),
    delivered: pace.delivered + delivered.length,
    refusalReported: false,
  }
}

/** What a thrown failure means for the batch that it is about: nothing is known of any item. */
export function planFailure<T>(
  batch: readonly Entry<T>[],
  failure: ReadFailure,
  pace: Pace,
  options: PlanOptions,
): Outcome<T> {
  if (failure.retryable)
    return failure.rateLimited ? rateLimited(batch, failure, pace, options) : outage(batch, failure, pace, options)
  return failure.refuses === 'content'
    ? contentRefused(batch, failure, pace, options)
    : backendRefused(batch, failure, pace, options)
}

type Plan = <T>(batch: readonly Entry<T>[], failure: ReadFailure, pace: Pace, options: PlanOptions) => Outcome<T>

const rateLimited: Plan = (batch, { retryAfterMs }, before, { random }) => {
  const failures = before.failures + 1
  const pace = { ...before, failures }
  return outcome({ back: batch, pace, waitMs: waitAfter(failures, random), holdMs: retryAfterMs })
}

/**
 * Everything goes back. A batch of several comes again in halves, so that one item that brings the backend down can't
 * hold the others for ever; whoever fails alone steps aside, and is blamed only when others were taken meanwhile.
 */
const outage: Plan = (batch, { retryAfterMs, detail }, before, options) => {
  const failures = before.failures + 1
  const pace = { ...before, failures, size: Math.max(1, Math.floor(batch.length / 2)) }
  const common = {
    pace,
    verdict: 'outage',
    waitMs: waitAfter(failures, options.random),
    holdMs: retryAfterMs,
  } as const
  const [entry] = batch
  if (!entry || batch.length > 1) {
    return outcome({ ...common, back: batch.map((each) => ({ ...each, failedAt: each.failedAt ?? pace.delivered })) })
  }
  const othersTaken = entry.failedAt !== undefined && pace.delivered > entry.failedAt
  if (!othersTaken) return outcome({ ...common, aside: [{ ...entry, failedAt: pace.delivered }] })
  const strikes = entry.strikes + 1
  if (strikes >= options.maxAttempts)
    return outcome({ ...common, lost: [{ entry, reason: 'retries exhausted', detail }] })
  return outcome({ ...common, last: [{ ...entry, strikes, failedAt: pace.delivered }] })
}

/** Halves the batch until the culprit is alone. */
const contentRefused: Plan = (batch, { tooLarge, detail }, before, options) => {
  const refusals = before.refusals + 1
  // Finding one culprit among good items takes this many refusals in a row, and they must not be slow.
  const free = Math.ceil(Math.log2(options.maxItems)) + 2
  const waitMs = refusals > free ? waitAfter(refusals - free, options.random) : 0
  const pace = { ...before, failures: 0, refusals }
  const [entry] = batch
  if (!entry || batch.length > 1) {
    const half = Math.ceil(batch.length / 2)
    const part = before.parts + 1
    const back = batch.map((each, index) => ({ ...each, part: index < half ? part : part + 1 }))
    return outcome({ back, pace: { ...pace, parts: part + 1 }, waitMs })
  }
  return outcome({ lost: [{ entry, reason: tooLarge ? 'too large' : 'refused', detail }], pace, waitMs })
}

/** Every batch would be told the same, so this one is not kept; those to come are offered more and more slowly. */
const backendRefused: Plan = (batch, { detail }, before, { random }) => {
  const refusals = before.refusals + 1
  return outcome({
    lost: batch.map((entry) => ({ entry, reason: 'unauthorized', detail })),
    pace: { ...before, failures: 0, refusals, refusalReported: true },
    waitMs: waitAfter(refusals, random),
    report: !before.refusalReported,
  })
}

function outcome<T>(known: Partial<Outcome<T>> & Pick<Outcome<T>, 'pace'>): Outcome<T> {
  return {
    delivered: [],
    lost: [],
    back: [],
    resting: [],
    last: [],
    aside: [],
    limits: [],
    verdict: 'answer',
    waitMs: 0,
    holdMs: 0,
    report: false,
    ...known,
  }
}

/** What decides when the next delivery begins. All times are of the monotonic clock. */
export interface Moment {
  readonly now: number
  /** When the queue has something that may be taken; `undefined` when it is empty. */
  readonly readyAt: number | undefined
  /** When what is waiting has waited for others long enough. */
  readonly dueAt: number
  /** Until when our own backoff lasts. */
  readonly retryAt: number
  /** Until when the backend wants to be left alone. */
  readonly heldUntil: number
  /** Of a flush or a close that is under way. */
  readonly budget?: { readonly until: number; readonly closing: boolean } | undefined
}

/** Less time than this is not worth a request, nor can it be divided. */
const LEAST_MS = 4
/** A wait that leaves less of the budget than this leaves no room for the request. */
const LONGEST_SHARE = 0.9

/**
 * When to send. `never` means that the budget ends before anything may be sent; without a budget there is always a time,
 * or nothing is waiting.
 */
export function nextDelivery({ now, readyAt, dueAt, retryAt, heldUntil, budget }: Moment): number | 'never' {
  if (readyAt === undefined) return 'never'
  if (!budget) return Math.max(readyAt, dueAt, retryAt, heldUntil)
  const left = budget.until - now
  if (left < LEAST_MS) return 'never'
  const fits = heldUntil - now <= left * LONGEST_SHARE
  // What is left after `flush` can be delivered later. After `close` it can't: asking too early is all that is left.
  if (!fits && !budget.closing) return 'never'
  const at = Math.max(readyAt, retryAt, fits ? heldUntil : 0)
  return at < budget.until ? at : 'never'
}

/** Milliseconds that one request may take, so that another can follow it within the budget. */
export function requestTime(timeoutMs: number, left: number): number {
  return Math.min(timeoutMs, Math.floor(Math.max(0, left) / 2))
}

/** Milliseconds to wait between two tries within a budget. */
export function waitWithin(waitMs: number, left: number): number {
  return Math.min(waitMs, Math.floor(Math.max(0, left) / 4))
}
