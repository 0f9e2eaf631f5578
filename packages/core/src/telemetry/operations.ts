export type AttributeValue = string | number | boolean | undefined

/**
 * The operations that packages report, with their attributes. The package that emits an operation declares it in its
 * `operations.ts` with `declare module '@msc/core' { interface Operations { … } }`; applications do the same for theirs.
 * Those below are core's own.
 */
export interface Operations {
  'driver.drop': { concern: string; driver: string; reason: string; count: number; kind?: string }
  'driver.breaker': { concern: string; driver: string; state: string }
}

export type OperationName = keyof Operations & string

/** One finished operation: a span of the running trace, or a point in time. */
export type TelemetryEvent = {
  [Name in OperationName]: {
    readonly name: Name
    /** The start: wall time, milliseconds since the epoch. */
    readonly startedAt: number
    /** Milliseconds; 0 for a point in time. */
    readonly durationMs: number
    /** Absent outside any trace, as are the span ids. */
    readonly traceId?: string
    /** The id of this operation's own span, 16 hex digits. */
    readonly spanId?: string
    /** The id of the span around it. */
    readonly parentSpanId?: string
    readonly userId?: string
    readonly attributes: Readonly<Operations[Name]>
  }
}[OperationName]
