/** A Phoenix message, as both protocol versions carry it. */
export interface Frame {
  readonly joinRef: string | null
  readonly ref: string | null
  readonly topic: string
  readonly event: string
  readonly payload: unknown
}

export type ProtocolVersion = '1.0.0' | '2.0.0'

/**
 * Supabase Realtime's text frames: version 1 is an object, version 2 an array. The binary ones are read and written by the
 * server alone.
 *
 * Source: supabase-js `packages/core/realtime-js/src/lib/serializer.ts`.
 *
 * @returns `undefined` for anything that is not a frame.
 */
export function parseFrame(data: string): Frame | undefined {
  try {
    return frameOf(JSON.parse(data))
  } catch {
    return undefined
  }
}

/** The same for text of version 2 alone, which is all that most pages receive. */
export function parseTextFrame(data: string): Frame | undefined {
  try {
    const value: unknown = JSON.parse(data)
    return Array.isArray(value) ? fromArray(value) : undefined
  } catch {
    return undefined
  }
}

export function formatFrame(frame: Frame, version: ProtocolVersion): string {
  const { joinRef, ref, topic, event, payload } = frame
  if (version === '2.0.0') return JSON.stringify([joinRef, ref, topic, event, payload])
  return JSON.stringify({ topic, event, payload, ref, join_ref: joinRef })
}

/** The frame of version 2 that a value from JSON is; `undefined` for anything else. */
function fromArray(value: readonly unknown[]): Frame | undefined {
  return value.length === 5 ? checked(value[0], value[1], value[2], value[3], value[4]) : undefined
}

/** The frame that a value from JSON is; `undefined` for anything else. */
export function frameOf(value: unknown): Frame | undefined {
  if (Array.isArray(value)) return fromArray(value)
  if (typeof value !== 'object' || value === null) return undefined
  const { topic, event, payload, ref, join_ref: joinRef } = value as Record<string, unknown>
  return checked(joinRef ?? null, ref ?? null, topic, event, payload)
}

function checked(joinRef: unknown, ref: unknown, topic: unknown, event: unknown, payload: unknown): Frame | undefined {
  if (typeof topic !== 'string' || typeof event !== 'string' || !isRef(joinRef) || !isRef(ref)) return undefined
  return { joinRef, ref, topic, event, payload: payload ?? {} }
}

const isRef = (value: unknown): value is string | null => value === null || typeof value === 'string'
