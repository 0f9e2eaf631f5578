import type { OperationName, Operations, TelemetryEvent } from './operations.ts'
import { processSlot } from '../slot.ts'
import type { TraceContext } from '../context/trace.ts'

export type TelemetryListener = (event: TelemetryEvent) => void

export interface ListenOptions {
  /** Only these operations; a name that ends in `*` stands for all that begin so (`cache.*`). Default: all. */
  readonly names?: readonly (OperationName | `${string}*`)[]
  /**
   * It sets nothing going: no promise, timer or queue that could lead to an operation again. Then it is called without the
   * context by which that would be known, which costs 200 ns on Node 24. Default false.
   */
  readonly inert?: boolean
}

/** The span of an operation, and what it belongs to. */
export interface Place {
  readonly span: TraceContext
  readonly parent: TraceContext | undefined
  readonly userId: string | undefined
}

/** The side that listens; its code comes with the first listener, so that a page where nobody listens has none of it. */
export interface TelemetryHub {
  /** Returns a function that ends it. */
  listen(listener: TelemetryListener, options: ListenOptions): () => void
  /** Does anybody listen, to `name` if it is given? */
  isHeard(name?: OperationName): boolean
  /** Tells whoever listens. Without a place the operation is a span of its own in the running one. */
  tell<Name extends OperationName>(
    name: Name,
    attributes: Operations[Name],
    startedMonotonic: number | undefined,
    place?: Place,
  ): void
}

// The slot is filled once and never again, so each copy of this module may remember it: hot paths ask on every call.
let remembered: { hub?: TelemetryHub } | undefined

/** Where the hub of this process is, once somebody has listened. */
export function telemetrySlot(): { hub?: TelemetryHub } {
  return (remembered ??= processSlot('core/telemetry', () => ({})))
}
