import { assertName } from '../../base/name.ts'
import { markNumbers, type SentFrame } from './exact.ts'
import { parseBounded } from './depth.ts'
import type { FrameHead } from './frame-head.ts'

const PUSH = 3
const BROADCAST = 4
const JSON_ENCODING = 1
/** Before the fields: the kind, five lengths and the encoding. */
const PUSH_HEADER = 7

interface Fields extends FrameHead {
  readonly named: string
  readonly meta: string
  /** Where the payload begins. */
  readonly end: number
}

function fieldsOf(bytes: Uint8Array): Fields | undefined {
  if (bytes[0] !== PUSH || bytes.length < PUSH_HEADER) return undefined
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let at = PUSH_HEADER
  const fields: string[] = []
  for (const length of bytes.subarray(1, 6)) {
    if (at + length > bytes.length) return undefined
    fields.push(decoder.decode(bytes.subarray(at, at + length)))
    at += length
  }
  const [joinRef = '', ref = '', topic = '', named = '', meta = ''] = fields
  return { joinRef: joinRef || null, ref: ref || null, topic, event: 'broadcast', named, meta, end: at }
}

/** Whose answer a push wants, by its first bytes; `undefined` for what is no push. Never throws. */
export function headOfPush(bytes: Uint8Array): FrameHead | undefined {
  try {
    const fields = fieldsOf(bytes)
    if (!fields) return undefined
    const { joinRef, ref, topic, event } = fields
    return { joinRef, ref, topic, event }
  } catch {
    return undefined
  }
}

/**
 * Reads a broadcast as clients of version 2 send it (kind 3): six lengths and an encoding, the fields, the payload.
 *
 * @returns `undefined` for what is none.
 * @throws SyntaxError for JSON that is none or nested too deeply; TypeError for text that is no UTF-8.
 */
export function parsePush(bytes: Uint8Array): SentFrame | undefined {
  const fields = fieldsOf(bytes)
  if (!fields) return undefined
  const { joinRef, ref, topic, event, named, meta, end } = fields
  const rest = bytes.subarray(end)
  const text = bytes[6] === JSON_ENCODING ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(rest) : ''
  const payload = bytes[6] === JSON_ENCODING ? parseBounded(text) : rest.slice()
  const marked = markNumbers(text)
  return {
    joinRef,
    ref,
    topic,
    event,
    payload: { type: 'broadcast', event: named, payload, ...(meta && { meta: parseBounded(meta) }) },
    ...(marked !== undefined && { marked: { payload: JSON.parse(marked) as unknown } }),
  }
}

/**
 * Writes a broadcast of bytes (kind 4); JSON payloads travel as text.
 *
 * @throws ValidationError `REALTIME_NAME_TOO_LONG` for a topic or an event of more than 255 bytes: its length has one byte,
 *   which would wrap.
 */
export function formatBinaryBroadcast(topic: string, event: string, payload: Uint8Array): Uint8Array {
  assertName('topic', topic)
  assertName('event', event)
  const encoder = new TextEncoder()
  const [topicBytes, eventBytes] = [encoder.encode(topic), encoder.encode(event)]
  const out = new Uint8Array(5 + topicBytes.length + eventBytes.length + payload.length)
  out.set([BROADCAST, topicBytes.length, eventBytes.length, 0, 0])
  out.set(topicBytes, 5)
  out.set(eventBytes, 5 + topicBytes.length)
  out.set(payload, 5 + topicBytes.length + eventBytes.length)
  return out
}
