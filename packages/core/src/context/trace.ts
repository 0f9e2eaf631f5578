import { randomHex } from '../ids.ts'

/** W3C Trace Context (https://www.w3.org/TR/trace-context/): who caused this. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string
  readonly sampled: boolean
}

/** Version `ff` is none, version `00` ends with the flags, and an id of zeros is invalid; a later version may go on. */
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-(?!0+-)([\da-f]{32})-(?!0+-)([\da-f]{16})-([\da-f]{2})(?:-|$)/

/** Reads a `traceparent` header; anything malformed is `undefined`, as the specification asks. */
export function parseTraceparent(header: string | null | undefined): TraceContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(typeof header === 'string' ? header.trim() : '') ?? []
  if (!traceId || !spanId || !flags) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`
}

/** A new root, or a child of `parent`: the same trace, a new span id. */
export function newTrace(parent?: TraceContext): TraceContext {
  return { traceId: parent?.traceId ?? randomHex(16), spanId: randomHex(8), sampled: parent?.sampled ?? true }
}
