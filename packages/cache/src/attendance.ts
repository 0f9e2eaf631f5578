import { currentContext, newTrace, withScope, withUnit } from '@msc/core'
import type { Plan } from './plan.ts'

/**
 * Runs work that nobody waits for as a unit of its own: in the trace of whoever set it going, without their user, and
 * with an empty scope. A refresh is everybody's; what it learns or fails with must not be told as one caller's.
 */
export function unattended<T>(work: () => T): T {
  return withUnit({ trace: newTrace(currentContext()?.trace) }, work)
}

/**
 * Runs a load as its caller's, except that one which may go on after its caller has been answered gets a fork of the
 * caller's scope: what it learns later must not turn up in a request that has gone on to something else.
 */
export function attended<T>({ softMs, hardMs, signal }: Plan, load: () => T): T {
  return softMs === undefined && hardMs === undefined && signal === undefined ? load() : withScope(load)
}
