import type { OperationName, Operations, TelemetryEvent } from './operations.ts'
import { processSlot } from '../slot.ts'
import type { TraceContext } from '../context/trace.ts'

export type TelemetryListener = (event: TelemetryEvent) => void

export interface ListenOptions {
  /** The operations to listen to. A name that ends in `*` matches all with that prefix (`cache.*`). Default: all. */
  readonly names?: readonly (OperationName | `${string}*`)[]
  /**
   * Declares that the listener starts no promise, timer or queue that could cause another operation. It is then called
   * without the context that tracks such operations, which would cost 200 ns on Node 24. Default false.
   */
  readonly inert?: boolean
}

/** The span of an operation, with its parent and user. */
export interface Place {
  readonly span: TraceContext
  readonly parent: TraceContext | undefined
  readonly userId: string | undefined
}

/** The listening side. Its code comes with the first listener, so that a page without listeners has none of it. */
export interface TelemetryHub {
  /** Returns a function that removes the listener. */
  listen(listener: TelemetryListener, options: ListenOptions): () => void
  /** Says whether there is a listener, for `name` if it is given. */
  isHeard(name?: OperationName): boolean
  /** Calls the listeners. Without a place the operation gets a span of its own inside the running one. */
  emit<Name extends OperationName>(
    name: Name,
    attributes: Operations[Name],
    startedMonotonic: number | undefined,
    place?: Place,
  ): void
}

// The slot never changes once it is filled, so each copy of this module keeps it: hot paths need it on every call.
let remembered: { hub?: TelemetryHub } | undefined

/** Returns the slot for this process's hub, which is empty until the first listener is added. */
export function telemetrySlot(): { hub?: TelemetryHub } {
  return (remembered ??= processSlot('core/telemetry', () => ({})))
}
