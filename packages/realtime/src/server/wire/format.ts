import { formatFrame, type Frame, type ProtocolVersion } from '../../phoenix/frames.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { unstampedText } from './stamp-text.ts'

/** As a client reads it: one of the protocol's versions, or server-sent events without any. */
export type Format = ProtocolVersion | 'events'

/** A frame whose payload is JSON already. */
export interface TextFrame extends Omit<Frame, 'payload'> {
  readonly text: string
}

/** Writes a frame that this server has made. */
export function format(frame: Frame, as: Format): string {
  return as === 'events' ? endingEvent(frame) : formatFrame(frame, as)
}

/** Writes a frame around a payload's text, which is not read again. */
export function formatText({ joinRef, ref, topic, event, text }: TextFrame, version: ProtocolVersion): string {
  const [own, join] = [JSON.stringify(ref), JSON.stringify(joinRef)]
  const [name, what] = [JSON.stringify(topic), JSON.stringify(event)]
  if (version === '2.0.0') return `[${join},${own},${name},${what},${text}]`
  return `{"topic":${name},"event":${what},"payload":${text},"ref":${own},"join_ref":${join}}`
}

/** A broadcast whose payload is text, for one format. */
export function formatBroadcast(
  topic: string,
  event: string,
  text: string,
  id: string | undefined,
  as: Format,
): string {
  const name = JSON.stringify(event)
  if (as === 'events') return broadcastEvent(topic, name, text)
  const meta = id === undefined ? '' : `,"meta":{"id":${JSON.stringify(id)}}`
  const payload = `{"type":"broadcast","event":${name},"payload":${text}${meta}}`
  return formatText({ joinRef: null, ref: null, topic: `${CHANNEL}${topic}`, event: 'broadcast', text: payload }, as)
}

/** A message as a server-sent event: the cursor is its id, from which a client that comes back goes on. */
function broadcastEvent(topic: string, event: string, payload: string): string {
  const name = JSON.stringify(topic)
  const { stamp, text } = unstampedText(payload)
  // It could not be sent; whoever comes back with the last id gets it.
  if (stamp.more === true) return `event: gap\ndata: {"topic":${name}}\n\n`
  // A comment, by which one that was in the history already is known.
  const known = isWord(stamp.id) ? `: ${stamp.id}\n` : ''
  const id = isLine(stamp.cursor) ? `id: ${stamp.cursor}\n` : ''
  return `${known}${id}data: {"topic":${name},"event":${event},"payload":${text}}\n\n`
}

/** A line break in it would write fields, and whole messages, that nobody sent. */
const isWord = (id: unknown): id is string => typeof id === 'string' && /^\w+$/.test(id)
const isLine = (cursor: unknown): cursor is string => typeof cursor === 'string' && /^[^\r\n\0]*$/.test(cursor)

/** The rest is of the protocol's, but for the end, which everybody wants to know of. */
function endingEvent({ topic, event }: Frame): string {
  const name = topic.slice(CHANNEL.length)
  return event === 'phx_close' ? `event: closed\ndata: ${JSON.stringify({ topic: name })}\n\n` : ''
}
