import type { CancelTimer, Clock } from '../time/clock.ts'
import { withoutScope } from '../context/context.ts'
import { DeadlineError } from '../errors/errors.ts'
import { guarded } from '../time/guard-signal.ts'
import type { Entry } from './entry.ts'
import type { Receipt, SendContext, Urgency } from './sink/receipt.ts'

/**
 * The answer to one delivery: a receipt or an error. A receipt that came after the deadline's abort has `late` set.
 */
export type Answer =
  | { readonly receipt: unknown; readonly late?: DeadlineError | undefined }
  | { readonly error: unknown }

/** The parameters of a flight. */
export interface Departure<T> {
  readonly clock: Clock
  readonly send: (batch: readonly T[], context: SendContext) => Promise<Receipt>
  /** Names the delivery in the error when there is no answer. */
  readonly operation: string
  /** Called with errors that listeners of the flight's signal throw. */
  readonly report: (error: unknown) => void
  /** Called once, unless the flight is abandoned; never while `takeOff` runs. */
  readonly onAnswer: (answer: Answer) => void
}

/** One delivery in flight. */
export interface Flight<T> {
  /** The entries whose outcome is not known yet. */
  entries: readonly Entry<T>[]
  readonly urgency: Urgency
  readonly abort: AbortController
  /** The time at which it is given up, by the monotonic clock. */
  deadline: number
  cancel: CancelTimer
  /** Set when the signal has aborted; the sink may still return a receipt. */
  late: DeadlineError | undefined
  /** True once its answer has been used or the flight was abandoned. */
  landed: boolean
}

export function createFlight<T>(entries: readonly Entry<T>[], urgency: Urgency): Flight<T> {
  return {
    entries,
    urgency,
    abort: new AbortController(),
    deadline: Infinity,
    cancel: () => {},
    late: undefined,
    landed: false,
  }
}

/** Milliseconds that a sink has after the abort to return a receipt, part of the flight's time; at most this share of it. */
const GRACE_MS = 50
const GRACE_SHARE = 1 / 10

/**
 * Calls the sink synchronously, because no later code may run while a page is being left. Ends at the deadline whatever
 * the sink does.
 */
export function takeOff<T>(flight: Flight<T>, departure: Departure<T>, timeoutMs: number): void {
  hasten(flight, departure, timeoutMs)
  const items = flight.entries.map(({ item }) => item)
  let answer: Promise<unknown>
  try {
    answer = Promise.resolve(
      departure.send(items, { signal: guarded(flight.abort.signal, departure), urgency: flight.urgency }),
    )
  } catch (error) {
    answer = Promise.reject(error as Error)
  }
  answer.then(
    (receipt) => settle(flight, departure, { receipt }),
    (error: unknown) => settle(flight, departure, { error }),
  )
}

/**
 * Ends the flight in `timeoutMs` milliseconds, unless it ends earlier anyway. The sink's signal aborts a moment before, so
 * that a receipt of what was answered by then still counts.
 */
export function hasten<T>(flight: Flight<T>, departure: Departure<T>, timeoutMs: number): void {
  const { clock, operation } = departure
  const deadline = clock.monotonic() + timeoutMs
  if (flight.landed || deadline >= flight.deadline) return
  flight.deadline = deadline
  const wakeIn = (ms: number, run: () => void): void => {
    flight.cancel()
    // The caller that is in a hurry must not lend its scope to the rest of the delivery.
    flight.cancel = withoutScope(() => clock.setTimeout(run, ms))
  }
  const giveUp = (): void => settle(flight, departure, { error: flight.late })
  if (flight.late) return wakeIn(timeoutMs, giveUp)
  const graceMs = Math.min(GRACE_MS, Math.floor(timeoutMs * GRACE_SHARE))
  wakeIn(timeoutMs - graceMs, () => {
    flight.late = new DeadlineError(operation, Math.round(timeoutMs))
    wakeIn(graceMs, giveUp)
    // Abort last, because a listener of the signal may use the outbox.
    flight.abort.abort(flight.late)
  })
}

/** Aborts the flight; its answer is ignored from then on. */
export function abandon<T>(flight: Flight<T>, reason: Error): void {
  flight.landed = true
  flight.cancel()
  flight.abort.abort(reason)
}

function settle<T>(flight: Flight<T>, { onAnswer }: Departure<T>, answer: Answer): void {
  if (flight.landed) return
  flight.landed = true
  flight.cancel()
  const { late } = flight
  // Any error after the abort counts as the timeout.
  if (late) onAnswer('error' in answer ? { error: late } : { ...answer, late })
  else onAnswer(answer)
}
