import type { Entry, Loss } from '../entry.ts'
import { waitAfter, type Pace } from './pace.ts'
import type { ReadFailure } from '../sink/read-failure.ts'
import type { ReadReceipt } from '../sink/read-receipt.ts'
import type { KindLimit } from '../sink/receipt.ts'

export interface PlanOptions {
  /** The number of items that a batch may have at most. */
  readonly maxItems: number
  /** The number of strikes after which an item is dropped. */
  readonly maxAttempts: number
  readonly random: () => number
}

/** The outcome of a batch and what follows from it. Each entry of the batch is in exactly one of the lists. */
export interface Outcome<T> {
  readonly delivered: readonly Entry<T>[]
  readonly lost: readonly Loss<T>[]
  /** Entries that return to their places. */
  readonly back: readonly Entry<T>[]
  /** Entries that return to their places, each after a wait of its own. */
  readonly resting: readonly { readonly entry: Entry<T>; readonly forMs: number }[]
  /** Entries that go behind all others. */
  readonly last: readonly Entry<T>[]
  /** Entries that are set aside until another has been tried. */
  readonly aside: readonly Entry<T>[]
  /** The limits that the backend asked for. */
  readonly limits: readonly KindLimit[]
  /** The outbox's own extra limits, which a flush or a close within a budget cancels. */
  readonly patience: readonly KindLimit[]
  readonly pace: Pace
  /** For the breaker: any answer, whatever it says, or an outage. */
  readonly verdict: 'answer' | 'outage'
  /** Milliseconds of the outbox's own backoff; 0 for none. */
  readonly waitMs: number
  /** Milliseconds of the pause that the backend asked for; 0 for none. */
  readonly holdMs: number
  /** True if this failure must be reported to the operator. */
  readonly report: boolean
}

/** Plans what follows from a receipt for its batch. */
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
  const hits = limitedNow(pace.limited, limited, delivered)
  const patience = receipt.limits.map(({ kinds }) => ({ kinds, forMs: patienceFor(kinds, hits, options.random) }))
  const { limits } = receipt
  const nothing = { last: [], aside: [], limits, patience, holdMs: 0, report } as const
  if (sentBack.length > 1 && sentBack.length === batch.length) {
    // A batch of several that is sent back whole means an overloaded backend, and no item is at fault.
    const failures = pace.failures + 1
    const waitMs = waitAfter(failures, options.random)
    return outcome({ ...nothing, back: batch, pace: { ...pace, failures }, waitMs })
  }
  const resting: { entry: Entry<T>; forMs: number }[] = []
  for (const entry of sentBack) {
    const strikes = entry.hurried ? entry.strikes : entry.strikes + 1
    const detail = receipt.rejected.get(entry.id)?.detail
    if (strikes >= options.maxAttempts) lost.push({ entry, reason: 'retries exhausted', detail })
    else
      resting.push({
        entry: { ...entry, strikes, hurried: false },
        forMs: waitAfter(Math.max(1, strikes), options.random),
      })
  }
  // Limited entries wait with their kind and get no strike, because the limit is not their fault.
  const after = afterAnswer({ ...pace, limited: hits }, delivered, options)
  return outcome({ ...nothing, delivered, lost, back: limited, resting, pace: after })
}

/**
 * Plans what follows from a receipt that came when the time was up. It gives the outcome of some items and sends the
 * others back, because there was no time for them. Those are retried at once in smaller batches, so that an item that holds
 * up the others ends up alone and gets strikes as in an outage. A receipt without any outcome counts as no answer.
 */
export function planLateReceipt<T>(
  batch: readonly Entry<T>[],
  receipt: ReadReceipt,
  timeout: ReadFailure,
  before: Pace,
  options: PlanOptions,
): Outcome<T> {
  const unanswered = batch.filter((entry) => isUnanswered(entry, receipt))
  // A malformed receipt counts as a delivery when it comes in time, since the sink may just return nothing. It does not
  // after an abort.
  if (receipt.malformed || unanswered.length === batch.length) return planFailure(batch, timeout, before, options)
  const answered = batch.filter((entry) => !isUnanswered(entry, receipt))
  const known = planReceipt(answered, receipt, before, options)
  const back = unanswered.map((entry) => ({ ...entry, failedAt: entry.failedAt ?? before.delivered }))
  const size = back.length > 0 ? Math.max(1, Math.floor(back.length / 2)) : known.pace.size
  return { ...known, back: [...known.back, ...back], pace: { ...known.pace, size } }
}

/** Says whether an entry was sent back for another reason than a limit of its kind. */
function isUnanswered<T>({ id, kind }: Entry<T>, { rejected, limits }: ReadReceipt): boolean {
  return rejected.get(id)?.retryable === true && !isLimited(kind, limits)
}

/** Counts how often in a row each kind was limited, including this receipt. A delivery of a kind resets its count. */
function limitedNow<T>(
  before: Pace['limited'],
  limited: readonly Entry<T>[],
  delivered: readonly Entry<T>[],
): Pace['limited'] {
  const hits: Record<string, number> = { ...before }
  for (const { kind } of delivered) delete hits[kind]
  for (const kind of new Set(limited.map((entry) => entry.kind))) hits[kind] = (before[kind] ?? 0) + 1
  return hits
}

/**
 * Returns the outbox's own backoff for limited kinds: `Retry-After: 0`, or a date from a wrong clock, must not make the
 * outbox call the backend in a tight loop.
 */
function patienceFor(limited: KindLimit['kinds'], hits: Pace['limited'], random: () => number): number {
  const kinds = limited === 'all' ? Object.keys(hits) : limited
  const most = Math.max(0, ...kinds.map((kind) => hits[kind] ?? 0))
  return most === 0 ? 0 : waitAfter(most, random)
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
    outageReported: undefined,
  }
}

/** Plans what follows from a thrown failure for its batch: the outcome of no item is known. */
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
 * Puts everything back. A batch of several is retried in halves, so that one item that crashes the backend can't block the
 * others forever. An item that fails alone is set aside, and gets a strike only if others were accepted meanwhile.
 */
const outage: Plan = (batch, { retryAfterMs, detail, what }, before, options) => {
  const failures = before.failures + 1
  const size = Math.max(1, Math.floor(batch.length / 2))
  const pace = { ...before, failures, size, outageReported: what }
  const common = {
    pace,
    verdict: 'outage',
    waitMs: waitAfter(failures, options.random),
    holdMs: retryAfterMs,
    // Reported when it begins and when its type changes, since a report for each retry would add nothing.
    report: before.outageReported !== what,
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

/** Splits the batch in halves until the refused item is alone. */
const contentRefused: Plan = (batch, { tooLarge, detail }, before, options) => {
  const refusals = before.refusals + 1
  // To find one bad item among good ones takes this many refusals in a row, for which there is no backoff.
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

/** Drops the batch, because every batch would be refused. Later batches are tried more and more slowly. */
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
    patience: [],
    verdict: 'answer',
    waitMs: 0,
    holdMs: 0,
    report: false,
    ...known,
  }
}
