import { parseJson } from '@msc/core/http-request'
import { formatFrame, parseFrame } from '../../phoenix/frames.ts'

/** Where a frame has bytes as text, because it travels in an event stream or in the answer to a poll. */
const MARK = '"msc_base64"'

const decoder = new TextDecoder()

/** A broadcast of bytes (kind 4) as a frame of text, for the ways that carry text only. */
export function toText(frame: Uint8Array): string {
  const [, topicLength = 0, eventLength = 0, metaLength = 0] = frame
  const topicEnd = 5 + topicLength
  const eventEnd = topicEnd + eventLength
  const bytes = frame.subarray(eventEnd + metaLength)
  const payload = {
    type: 'broadcast',
    event: decoder.decode(frame.subarray(topicEnd, eventEnd)),
    msc_base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
  }
  const topic = decoder.decode(frame.subarray(5, topicEnd))
  return formatFrame({ joinRef: null, ref: null, topic, event: 'broadcast', payload }, '2.0.0')
}

/** A frame of text that has bytes in it as the binary push (kind 3) that a WebSocket would bring; any other as it is. */
export function fromText(line: string): string | Uint8Array {
  if (!line.includes(MARK)) return line
  try {
    // Looked at for its depth first; whoever reads the line next says what is wrong with it.
    parseJson(line)
  } catch {
    return line
  }
  const frame = parseFrame(line)
  const { event, msc_base64: text } = (frame?.payload ?? {}) as Record<string, unknown>
  if (!frame || frame.event !== 'broadcast' || typeof event !== 'string' || typeof text !== 'string') return line
  const fields = [frame.joinRef ?? '', frame.ref ?? '', frame.topic, event, ''].map((field) => Buffer.from(field))
  if (fields.some(({ byteLength }) => byteLength > 255)) return line
  const head = Buffer.from([3, ...fields.map(({ byteLength }) => byteLength), 0])
  return new Uint8Array(Buffer.concat([head, ...fields, Buffer.from(text, 'base64')]))
}
