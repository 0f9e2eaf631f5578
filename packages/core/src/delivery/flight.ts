import type { CancelTimer, Clock } from '../time/clock.ts'
import { withoutScope } from '../context/context.ts'
import { DeadlineError } from '../errors/errors.ts'
import { guarded } from '../time/guard-signal.ts'
import type { Entry } from './entry.ts'
import type { Receipt, SendContext, Urgency } from './sink/receipt.ts'

/**
 * What came back from one delivery: a receipt, which is `late` when the time was up by then and the sink tells what it
 * knows; or an error.
 */
export type Answer =
  | { readonly receipt: unknown; readonly late?: DeadlineError | undefined }
  | { readonly error: unknown }

/** How a flight is sent off. */
export interface Departure<T> {
  readonly clock: Clock
  readonly send: (batch: readonly T[], context: SendContext) => Promise<Receipt>
  /** Named in the error when there is no answer. */
  readonly operation: string
  /** Told of what a listener of the flight's signal throws. */
  readonly report: (error: unknown) => void
  /** Called once, unless the flight is abandoned; never while `takeOff` runs. */
  readonly onAnswer: (answer: Answer) => void
}

/** One delivery that is under way. */
export interface Flight<T> {
  /** Those that nobody knows of yet. */
  entries: readonly Entry<T>[]
  readonly urgency: Urgency
  readonly abort: AbortController
  /** When it is given up, by the monotonic clock. */
  deadline: number
  cancel: CancelTimer
  /** Its signal has aborted, and the sink may say what it knows. */
  late: DeadlineError | undefined
  /** Its answer has been used, or is not wanted any more. */
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

/** Milliseconds of a flight's time that its sink has after the abort to say what it knows; of little time only a share. */
const GRACE_MS = 50
const GRACE_SHARE = 1 / 10

/** Calls the sink, synchronously: while a page is being left there is no later. Ends at the deadline whatever it does. */
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
 * Ends the flight in `timeoutMs`, unless it ends earlier anyway. The sink's signal aborts a moment before, so that what it
 * knows by then still counts.
 */
export function hasten<T>(flight: Flight<T>, departure: Departure<T>, timeoutMs: number): void {
  const { clock, operation } = departure
  const deadline = clock.monotonic() + timeoutMs
  if (flight.landed || deadline >= flight.deadline) return
  flight.deadline = deadline
  const wakeIn = (ms: number, run: () => void): void => {
    flight.cancel()
    // Whoever is in a hurry has nothing to do with what becomes of the batch.
    flight.cancel = withoutScope(() => clock.setTimeout(run, ms))
  }
  const giveUp = (): void => settle(flight, departure, { error: flight.late })
  if (flight.late) return wakeIn(timeoutMs, giveUp)
  const graceMs = Math.min(GRACE_MS, Math.floor(timeoutMs * GRACE_SHARE))
  wakeIn(timeoutMs - graceMs, () => {
    flight.late = new DeadlineError(operation, Math.round(timeoutMs))
    wakeIn(graceMs, giveUp)
    // Last, since a listener of its signal may use the outbox.
    flight.abort.abort(flight.late)
  })
}

/** From here on its answer changes nothing. */
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
  // Whatever it throws once it was aborted is that it was aborted.
  if (late) onAnswer('error' in answer ? { error: late } : { ...answer, late })
  else onAnswer(answer)
}
