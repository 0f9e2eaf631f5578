/** A Phoenix message, as both protocol versions carry it. */
export interface Frame {
  readonly joinRef: string | null
  readonly ref: string | null
  readonly topic: string
  readonly event: string
  readonly payload: unknown
}

export type ProtocolVersion = '1.0.0' | '2.0.0'

const PUSH = 3
const BROADCAST = 4
const JSON_ENCODING = 1

/**
 * Supabase Realtime's frames: version 1 is an object, version 2 an array, and from a client of version 2 a broadcast is
 * binary (kind 3).
 *
 * Source: supabase-js `packages/core/realtime-js/src/lib/serializer.ts`.
 *
 * @returns `undefined` for anything that is not a frame.
 */
export function parseFrame(data: string | Uint8Array): Frame | undefined {
  try {
    return typeof data === 'string' ? parseText(JSON.parse(data)) : parsePush(data)
  } catch {
    return undefined
  }
}

/** The same for text of version 2 alone, which is all that most pages receive. */
export function parseTextFrame(data: string): Frame | undefined {
  try {
    return fromArray(JSON.parse(data))
  } catch {
    return undefined
  }
}

export function formatFrame(frame: Frame, version: ProtocolVersion): string {
  const { joinRef, ref, topic, event, payload } = frame
  if (version === '2.0.0') return JSON.stringify([joinRef, ref, topic, event, payload])
  return JSON.stringify({ topic, event, payload, ref, join_ref: joinRef })
}

function fromArray(value: unknown): Frame | undefined {
  return Array.isArray(value) && value.length === 5
    ? checked(value[0], value[1], value[2], value[3], value[4])
    : undefined
}

function parseText(value: unknown): Frame | undefined {
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

/** Kind 3: six lengths and an encoding, the fields, the payload. */
function parsePush(bytes: Uint8Array): Frame | undefined {
  if (bytes[0] !== PUSH || bytes.length < 7) return undefined
  const lengths = bytes.subarray(1, 6)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let at = 7
  const fields: string[] = []
  for (const length of lengths) {
    if (at + length > bytes.length) return undefined
    fields.push(decoder.decode(bytes.subarray(at, at + length)))
    at += length
  }
  const [joinRef = '', ref = '', topic = '', event = '', meta = ''] = fields
  const rest = bytes.subarray(at)
  const payload: unknown = bytes[6] === JSON_ENCODING ? JSON.parse(decoder.decode(rest)) : rest.slice()
  return {
    joinRef: joinRef || null,
    ref: ref || null,
    topic,
    event: 'broadcast',
    payload: { type: 'broadcast', event, payload, ...(meta && { meta: JSON.parse(meta) as unknown }) },
  }
}

/** Kind 4, for a payload of bytes; JSON payloads travel as text. */
export function formatBinaryBroadcast(topic: string, event: string, payload: Uint8Array): Uint8Array {
  const encoder = new TextEncoder()
  const [topicBytes, eventBytes] = [encoder.encode(topic), encoder.encode(event)]
  const out = new Uint8Array(5 + topicBytes.length + eventBytes.length + payload.length)
  out.set([BROADCAST, topicBytes.length, eventBytes.length, 0, 0])
  out.set(topicBytes, 5)
  out.set(eventBytes, 5 + topicBytes.length)
  out.set(payload, 5 + topicBytes.length + eventBytes.length)
  return out
}
