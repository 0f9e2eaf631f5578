import { createBreaker, type Breaker } from '../service/breaker.ts'
import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts'
import { inDeliveryReport, notify } from '../context/context.ts'
import { reportFailure, runReported } from '../errors/failures.ts'
import { emit } from '../telemetry/telemetry.ts'
import type { Loss } from './entry.ts'
import type { Flight } from './flight.ts'
import type { ItemLabel, OutboxOptions } from './outbox-types.ts'
import { firstPace, type Pace } from './queue/pace.ts'
import { createQueue, held, waiting, type Queue } from './queue/queue.ts'
import type { DeliveryStats, Drop, DropReason, Urgency } from './sink/receipt.ts'
import type { Turn } from './queue/turns.ts'

/** A caller that waits for a flush or a close. */
export interface Waiter {
  /** The end of its budget, by the monotonic clock. */
  readonly until: number
  readonly urgency: Urgency
  readonly closing: boolean
  /** Ends the wait. */
  readonly done: () => void
}

/** The state of one outbox. Functions over it live in `delivering.ts` and `outbox.ts`. */
export interface Box<T> {
  readonly options: OutboxOptions<T>
  readonly clock: Clock
  readonly breaker: Breaker
  readonly queue: Queue<T>
  readonly counts: { accepted: number; delivered: number; dropped: number }
  phase: 'open' | 'closing' | 'closed'
  closing: Promise<void> | undefined
  pace: Pace
  flight: Flight<T> | undefined
  waiters: readonly Waiter[]
  /** When the queued items have waited for others long enough; `Infinity` while nothing is queued. */
  dueAt: number
  /** The end of the outbox's own backoff. */
  retryAt: number
  /** The end of the pause that the backend asked for. */
  heldUntil: number
  wake: CancelTimer | undefined
  /** True if the last delivery timed out without a complete answer. */
  isSilent: boolean
  /** The flights that a retry waits for before it begins: see `waitsFor`. */
  turn: Turn | undefined
  /** The timer that keeps the process alive. */
  hold: CancelTimer | undefined
  /** True if the store may hold items of this outbox. */
  stored: boolean
  /** True while `lastWords` runs, which must not be entered twice. */
  isWritingLastWords: boolean
  /** Does what is due now. */
  step: () => void
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024
/** Milliseconds that an outbox's breaker stays open before the backend is probed. */
export const COOLDOWN_MS = 5000

export function createBox<T>(options: OutboxOptions<T>): Box<T> {
  const { concern, driver, limits, clock = systemClock } = options
  return {
    options,
    clock,
    breaker: createBreaker({
      name: `[msc/${concern}] [${driver}]`,
      cooldownMs: COOLDOWN_MS,
      clock,
      onChange: (state) => inDeliveryReport(() => emit('driver.breaker', { concern, driver, state })),
    }),
    queue: createQueue({ maxItems: options.maxQueue, maxBytes: options.maxQueueBytes ?? DEFAULT_MAX_BYTES }),
    counts: { accepted: 0, delivered: 0, dropped: 0 },
    phase: 'open',
    closing: undefined,
    pace: firstPace(limits.maxItems),
    flight: undefined,
    waiters: [],
    dueAt: Infinity,
    retryAt: 0,
    heldUntil: 0,
    wake: undefined,
    isSilent: false,
    turn: undefined,
    hold: undefined,
    stored: false,
    isWritingLastWords: false,
    step: () => {},
  }
}

export function statsOf<T>({ counts, queue }: Box<T>): DeliveryStats {
  return { ...counts, queued: queue.queued.items, inFlight: queue.inFlight.items }
}

/** Returns the item's label, or `undefined` when the label function fails. */
export function labelOf<T>(box: Box<T>, item: T): ItemLabel | undefined {
  try {
    const { id, kind, bytes } = box.options.label(item)
    return typeof id === 'string' && typeof kind === 'string' && bytes >= 0 ? { id, kind, bytes } : undefined
  } catch {
    return undefined
  }
}

/** Says whether the queue holds enough for a whole batch. */
export function isFull<T>({ queue: { queued }, options: { limits } }: Box<T>): boolean {
  return queued.items >= limits.maxItems || queued.bytes >= limits.maxBytes
}

/** Counts and reports items that never entered the queue. */
export function countDrop<T>(box: Box<T>, kind: string, count: number, reason: DropReason, detail?: string): void {
  if (!(count > 0)) return
  box.counts.accepted += count
  box.counts.dropped += count
  reportDrop(box, { reason, kind, count, ...(detail !== undefined && { detail }) })
}

/** Reports losses. They must have been counted before, because a listener may read the counts. */
export function reportLosses<T>(box: Box<T>, losses: readonly Pick<Loss<T>, 'entry' | 'reason' | 'detail'>[]): void {
  const drops = new Map<string, { reason: DropReason; kind: string; detail?: string | undefined; count: number }>()
  for (const { entry, reason, detail } of losses) {
    const key = `${reason} ${entry.kind}`
    const known = drops.get(key)
    if (known) known.count += 1
    else drops.set(key, { reason, kind: entry.kind, detail, count: 1 })
  }
  for (const { detail, ...drop } of drops.values()) reportDrop(box, detail === undefined ? drop : { ...drop, detail })
}

function reportDrop<T>(box: Box<T>, drop: Drop): void {
  const { concern, driver, onDrop, onError } = box.options
  inDeliveryReport(() => emit('driver.drop', { concern, driver, reason: drop.reason, count: drop.count }))
  if (!onDrop) return
  // `notify`, because `onDrop` may push into a full queue: that drop is counted but does not call `onDrop` again.
  const run = (): unknown => inDeliveryReport(() => notify(box, () => onDrop(drop)))
  runReported(run, { concern, driver, operation: 'onDrop' }, onError)
}

export function report<T>({ options }: Box<T>, error: unknown, operation: string): void {
  const { concern, driver, onError } = options
  inDeliveryReport(() => reportFailure(error, { concern, driver, operation }, onError))
}

/** Stores all items that the outbox holds, so that they outlive the page. */
export function persist<T>(box: Box<T>): void {
  const { store, concern, driver, onError } = box.options
  if (!store) return
  box.stored = held(box.queue) > 0
  const entries = [...(box.flight?.entries ?? []), ...waiting(box.queue)].sort((a, b) => a.order - b.order)
  const items = entries.map(({ item }) => item)
  runReported(() => store.keep(items), { concern, driver, operation: 'store' }, onError)
}

/** Keeps the process alive for the time of one delivery, so that a script that ends by itself delivers first. */
export function holdProcess<T>(box: Box<T>): void {
  box.hold ??= box.clock.setTimeout(
    () => {
      box.hold = undefined
    },
    box.options.timeoutMs,
    { keepAlive: true },
  )
}

export function releaseProcess<T>(box: Box<T>): void {
  box.hold?.()
  box.hold = undefined
}
