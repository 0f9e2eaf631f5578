import type * as Core from '@msc/core'
import type { Frame } from './frames.ts'

/** A broadcast of bytes, before it is written. */
export interface Push extends Frame {
  readonly payload: { readonly event: string; readonly payload: Uint8Array }
}

const PUSH = 3
const BROADCAST = 4

/**
 * A broadcast of bytes as it is sent: kind 3 of Supabase's binary frames, encoding 0. As text where the way carries text only:
 * an event stream, a poll.
 *
 * Source: supabase-js `packages/core/realtime-js/src/lib/serializer.ts`.
 *
 * @param core What the page has loaded already.
 * @throws DriverError `REALTIME_PAYLOAD_INVALID` for a topic or an event of more than 255 UTF-8 bytes, whose length can't be
 *   written.
 */
export function encodePush(
  { DriverError }: Pick<typeof Core, 'DriverError'>,
  { joinRef, ref, topic, payload }: Push,
  asText = false,
): string | Uint8Array<ArrayBuffer> {
  const { event, payload: bytes } = payload
  if (asText) {
    const marked = {
      type: 'broadcast',
      event,
      msc_base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')),
    }
    return JSON.stringify([joinRef, ref, topic, 'broadcast', marked])
  }
  const encoder = new TextEncoder()
  const fields = [joinRef ?? '', ref ?? '', topic, event, ''].map((field) => encoder.encode(field))
  if (fields.some(({ length }) => length > 255)) {
    throw new DriverError('embedded', 'The topic or the event is longer than 255 bytes.', {
      code: 'REALTIME_PAYLOAD_INVALID',
      hint: 'Shorten it: beside bytes, the length of each is written in one.',
      refuses: 'content',
    })
  }
  const out = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 7 + bytes.length))
  out.set([PUSH, ...fields.map(({ length }) => length), 0])
  let at = 7
  for (const part of [...fields, bytes]) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** A binary frame as it is received, kind 4; `undefined` for what is none. */
export function decodeBroadcast(data: ArrayBuffer | Uint8Array): Frame | undefined {
  try {
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
    const [kind, topicLength = 0, eventLength = 0, metaLength = 0, encoding] = bytes
    const start = 5 + topicLength + eventLength + metaLength
    if (kind !== BROADCAST || bytes.length < start) return undefined
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const topic = decoder.decode(bytes.subarray(5, 5 + topicLength))
    const event = decoder.decode(bytes.subarray(5 + topicLength, 5 + topicLength + eventLength))
    const rest = bytes.slice(start)
    const payload: unknown = encoding === 0 ? rest : JSON.parse(decoder.decode(rest))
    return { joinRef: null, ref: null, topic, event: 'broadcast', payload: { type: 'broadcast', event, payload } }
  } catch {
    return undefined
  }
}

/** A frame of text that has bytes in it. */
export function withBytes(frame: Frame): Frame | undefined {
  const { event, msc_base64: text } = frame.payload as { event: unknown; msc_base64: string }
  try {
    const payload = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    return { ...frame, payload: { type: 'broadcast', event, payload } }
  } catch {
    return undefined
  }
}
