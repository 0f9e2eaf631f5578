import type { FailureSlot } from '@msc/core'

/**
 * The signal that a feed's snapshot gets, guarded where anything in this process asks for it: on servers, where a listener
 * that throws would end the process. The slot is read by its key, since what makes it is a part of what a page loads first.
 */
export function guarded(signal: AbortSignal): AbortSignal {
  const slots = globalThis as { readonly [key: symbol]: FailureSlot | undefined }
  const guard = slots[Symbol.for('@msc/core/failures@1')]?.guard
  return guard?.(signal, { concern: 'realtime', operation: 'snapshot' }) ?? signal
}
