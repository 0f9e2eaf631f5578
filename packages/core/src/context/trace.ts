import { randomHex } from '../ids.ts'

/** A W3C Trace Context (https://www.w3.org/TR/trace-context/), which says what caused an operation. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string
  readonly sampled: boolean
}

/** Version `ff` and ids of all zeros are invalid. Version `00` ends with the flags; later versions may have more fields. */
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-(?!0+-)([\da-f]{32})-(?!0+-)([\da-f]{16})-([\da-f]{2})(?:-|$)/

/** Reads a `traceparent` header. Returns `undefined` for a malformed one, as the specification requires. */
export function parseTraceparent(header: string | null | undefined): TraceContext | undefined {
  const [, traceId = '', spanId = '', flags] = TRACEPARENT.exec(typeof header === 'string' ? header.trim() : '') ?? []
  return flags === undefined ? undefined : { traceId, spanId, sampled: Number(`0x${flags}`) % 2 === 1 }
}

/** Writes a `traceparent` header of version `00`. */
export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`
}

/** Starts a new trace, or a new span in the trace of `parent`. */
export function newTrace(parent?: TraceContext): TraceContext {
  return { traceId: parent?.traceId ?? randomHex(16), spanId: randomHex(8), sampled: parent?.sampled ?? true }
}
