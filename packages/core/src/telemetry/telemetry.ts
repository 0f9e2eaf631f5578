import { systemClock } from '../time/clock.ts'
import { currentContext, withContext } from '../context/context.ts'
import type { OperationName, Operations } from './operations.ts'
import { telemetrySlot } from './telemetry-slot.ts'
import { newTrace } from '../context/trace.ts'

/** Is anybody listening, to `name` if it is given? Lets a hot path skip building attributes. */
export function telemetryEnabled(name?: OperationName): boolean {
  return telemetrySlot().hub?.isHeard(name) ?? false
}

/**
 * Reports an operation that has ended, as a span of its own in the running one. Costs a look-up when nobody listens, and
 * never throws.
 *
 * @param startedMonotonic `systemClock.monotonic()` at the start; leave it out for a point in time.
 */
export function emit<Name extends OperationName>(
  name: Name,
  attributes: Operations[Name],
  startedMonotonic?: number,
): void {
  telemetrySlot().hub?.tell(name, attributes, startedMonotonic)
}

/** An operation under way: see {@link startOperation}. */
export interface Operation<Name extends OperationName> {
  /** Runs a part of it: operations that happen meanwhile become its children. */
  run<T>(fn: () => T): T
  /** Reports it; the first call decides. */
  end(attributes: Operations[Name]): void
}

/**
 * Begins an operation that others happen inside of. It gets its span id now, so that they can name it as their parent.
 * Outside of any trace it begins one where somebody listens.
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
      telemetrySlot().hub?.tell(name, attributes, started, place)
    },
  }
}
