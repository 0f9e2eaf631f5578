import type { Entry, Loss } from '../entry.ts'
import { waitAfter, type Pace } from './pace.ts'
import type { ReadFailure } from '../sink/read-failure.ts'
import type { ReadReceipt } from '../sink/read-receipt.ts'
import type { KindLimit } from '../sink/receipt.ts'

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
  /** What the backend asked for. */
  readonly limits: readonly KindLimit[]
  /** What we add to that of our own accord; nobody who waits within a budget has to bear it. */
  readonly patience: readonly KindLimit[]
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
  const hits = limitedNow(pace.limited, limited, delivered)
  const patience = receipt.limits.map(({ kinds }) => ({ kinds, forMs: patienceFor(kinds, hits, options.random) }))
  const { limits } = receipt
  const nothing = { last: [], aside: [], limits, patience, holdMs: 0, report } as const
  if (sentBack.length > 1 && sentBack.length === batch.length) {
    // All of several: the backend is overloaded, and it is nobody's fault. An outage, told politely.
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
  // What is limited waits by its kind, and no strike is due: the limit is not the item's fault.
  const after = afterAnswer({ ...pace, limited: hits }, delivered, options)
  return outcome({ ...nothing, delivered, lost, back: limited, resting, pace: after })
}

/**
 * What a receipt means that came when the time was up: of some items it says what became of them, and sends the others
 * back, because there was no time for them. Those are tried again at once, in smaller batches: whichever holds up the
 * others is alone at last, and is blamed as in an outage. Where it says nothing of any item, nobody answered.
 */
export function planLateReceipt<T>(
  batch: readonly Entry<T>[],
  receipt: ReadReceipt,
  timeout: ReadFailure,
  before: Pace,
  options: PlanOptions,
): Outcome<T> {
  const unanswered = batch.filter((entry) => isUnanswered(entry, receipt))
  // What is no receipt counts as one in time, when it may be that of a sink that does not bother; not after an abort.
  if (receipt.malformed || unanswered.length === batch.length) return planFailure(batch, timeout, before, options)
  const answered = batch.filter((entry) => !isUnanswered(entry, receipt))
  const known = planReceipt(answered, receipt, before, options)
  const back = unanswered.map((entry) => ({ ...entry, failedAt: entry.failedAt ?? before.delivered }))
  const size = back.length > 0 ? Math.max(1, Math.floor(back.length / 2)) : known.pace.size
  return { ...known, back: [...known.back, ...back], pace: { ...known.pace, size } }
}

/** Sent back, and not because its kind is limited. */
function isUnanswered<T>({ id, kind }: Entry<T>, { rejected, limits }: ReadReceipt): boolean {
  return rejected.get(id)?.retryable === true && !isLimited(kind, limits)
}

/** How often in a row each kind was limited, with this receipt; what was delivered begins anew. */
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
 * Our own backoff for what is limited: `Retry-After: 0`, or a date of a clock that is not ours, must not have the backend
 * asked without pause by every item that waits.
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
const outage: Plan = (batch, { retryAfterMs, detail, what }, before, options) => {
  const failures = before.failures + 1
  const size = Math.max(1, Math.floor(batch.length / 2))
  const pace = { ...before, failures, size, outageReported: what }
  const common = {
    pace,
    verdict: 'outage',
    waitMs: waitAfter(failures, options.random),
    holdMs: retryAfterMs,
    // When it begins, and when it turns into another one; a try each second tells nobody anything new.
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
    patience: [],
    verdict: 'answer',
    waitMs: 0,
    holdMs: 0,
    report: false,
    ...known,
  }
}
