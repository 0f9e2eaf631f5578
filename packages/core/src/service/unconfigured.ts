import { reportFailure } from '../errors/failures.ts'
import { processSlot } from '../slot.ts'

/**
 * Returns the default instance, or `undefined` if the configuration is wrong, which is reported once for each concern. The
 * caller then drops its call, because no request may fail for the sake of what only watches it. Never throws.
 */
export function instanceOrNothing<T>(concern: string, get: () => T): T | undefined {
  try {
    return get()
  } catch (error) {
    const lost = unconfigured(concern)
    lost.calls += 1
    if (lost.calls === 1) reportFailure(error, { concern, operation: 'configure' })
    return undefined
  }
}

/** Returns how often {@link instanceOrNothing} returned nothing for a concern. */
export function droppedCalls(concern: string): number {
  return unconfigured(concern).calls
}

function unconfigured(concern: string): { calls: number } {
  return processSlot(`${concern}/unconfigured`, () => ({ calls: 0 }))
}
