export type AttributeValue = string | number | boolean | undefined

/**
 * The operations that packages report, and their attributes. The package that makes an operation declares it, in its
 * `operations.ts`, by `declare module '@msc/core' { interface Operations { … } }`; so does an application for its own.
 * Here are only core's.
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
    /** Wall time of the start, milliseconds since the epoch. */
    readonly startedAt: number
    /** Milliseconds; 0 for something that happened rather than took time. */
    readonly durationMs: number
    /** Absent outside of any trace, as are the span ids. */
    readonly traceId?: string
    /** This operation's own, 16 hex digits. */
    readonly spanId?: string
    /** The span this one happened in. */
    readonly parentSpanId?: string
    readonly userId?: string
    readonly attributes: Readonly<Operations[Name]>
  }
}[OperationName]
