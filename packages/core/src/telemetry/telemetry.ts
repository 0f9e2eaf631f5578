import { systemClock } from '../time/clock.ts'
import { currentContext, withContext } from '../context/context.ts'
import type { OperationName, Operations } from './operations.ts'
import { telemetrySlot } from './telemetry-slot.ts'
import { newTrace } from '../context/trace.ts'

/** Says whether there is a listener, for `name` if it is given, so that a hot path can skip building attributes. */
export function telemetryEnabled(name?: OperationName): boolean {
  return telemetrySlot().hub?.isHeard(name) ?? false
}

/**
 * Reports an operation that has ended, as a span of its own inside the running one. Without a listener it costs one
 * look-up. Never throws.
 *
 * @param startedMonotonic `systemClock.monotonic()` at the start; leave it out for a point in time.
 */
export function emit<Name extends OperationName>(
  name: Name,
  attributes: Operations[Name],
  startedMonotonic?: number,
): void {
  telemetrySlot().hub?.emit(name, attributes, startedMonotonic)
}

/** A running operation: see {@link startOperation}. */
export interface Operation<Name extends OperationName> {
  /** Runs a part of the operation: other operations inside `fn` become its children. */
  run<T>(fn: () => T): T
  /** Reports the operation. Only the first call counts. */
  end(attributes: Operations[Name]): void
}

/**
 * Begins an operation that may contain others. It gets its span id at once, so that they can name it as their parent.
 * Outside any trace it starts one, if there is a listener.
 */
export function startOperation<Name extends OperationName>(name: Name): Operation<Name> {
  if (!telemetryEnabled(name)) return { run: (fn) => fn(), end: () => undefined }
  const outer = currentContext()
  const span = newTrace(outer?.trace)
  const started = systemClock.monotonic()
  let ended = false
  return {
    run: (fn) => withContext({ ...outer, trace: span }, fn),
    end(attributes) {
      if (ended) return
      ended = true
      const place = { span, parent: outer?.trace, userId: outer?.userId }
      telemetrySlot().hub?.emit(name, attributes, started, place)
    },
  }
}
