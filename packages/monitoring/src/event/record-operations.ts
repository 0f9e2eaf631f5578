import { currentScope, onTelemetry, processSlot } from '@msc/core'
import { telemetryBreadcrumb } from './breadcrumbs.ts'
import { keepWithin } from './keep-within.ts'
import type { Breadcrumb } from '../signals.ts'

/** How an engine wants breadcrumbs of operations. */
export interface OperationRecorder {
  readonly clean: (breadcrumb: Breadcrumb) => Breadcrumb
  readonly maxBreadcrumbs: number
}

interface Slot {
  readonly recorders: Set<OperationRecorder>
  stop: (() => void) | undefined
}

/**
 * Makes breadcrumbs of the operations of other concerns, once for the process: scopes are shared by all engines, and
 * each would add its own otherwise. The engine that came first does it; when it is closed, the next one goes on.
 *
 * @returns Ends it.
 */
export function recordOperations(recorder: OperationRecorder): () => void {
  const slot = processSlot<Slot>('monitoring/operations', () => ({ recorders: new Set(), stop: undefined }))
  slot.recorders.add(recorder)
  slot.stop ??= onTelemetry(
    (event) => {
      const scope = currentScope()
      const [first] = slot.recorders
      // What happens in no unit of work would be told of whoever fails next.
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
