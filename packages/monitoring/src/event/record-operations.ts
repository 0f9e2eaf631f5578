import { currentScope, onTelemetry, processSlot } from '@msc/core'
import { telemetryBreadcrumb } from './breadcrumbs.ts'
import { keepWithin } from './keep-within.ts'
import type { Breadcrumb } from '../signals.ts'

/** An engine's settings for breadcrumbs of operations. */
export interface OperationRecorder {
  readonly clean: (breadcrumb: Breadcrumb) => Breadcrumb
  readonly maxBreadcrumbs: number
}

interface Slot {
  readonly recorders: Set<OperationRecorder>
  stop: (() => void) | undefined
}

/**
 * Turns operations of other concerns into breadcrumbs, once for the process: all engines share the scopes, and each would
 * add its own otherwise. The first engine does it; when it is closed, the next one continues.
 *
 * @returns A function that ends it for this engine.
 */
export function recordOperations(recorder: OperationRecorder): () => void {
  const slot = processSlot<Slot>('monitoring/operations', () => ({ recorders: new Set(), stop: undefined }))
  slot.recorders.add(recorder)
  slot.stop ??= onTelemetry(
    (event) => {
      const scope = currentScope()
      const [first] = slot.recorders
      // An operation outside any unit of work would end up on an unrelated error.
      if (scope && first) keepWithin(scope, first.clean(telemetryBreadcrumb(event)), first.maxBreadcrumbs)
    },
    { inert: true },
  )
  return () => {
    slot.recorders.delete(recorder)
    if (slot.recorders.size > 0) return
    slot.stop?.()
    slot.stop = undefined
  }
}
