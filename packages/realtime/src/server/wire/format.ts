import { formatFrame, type Frame, type ProtocolVersion } from '../../phoenix/frames.ts'
import type { ActionMeta, KeptMeta } from '../../history/types.ts'
import { FEED } from '../../feed/feed-topic.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { eventBlock } from './event-block.ts'
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

/** What is said to who sent a message, and not kept. `echo`: what they called it. */
interface Echo {
  readonly id?: string | undefined
  readonly echo: string
}

const isKept = (said: string | KeptMeta | ActionMeta | Echo | undefined): said is KeptMeta | ActionMeta =>
  typeof said === 'object' && 'cursor' in said

/** A broadcast whose payload is text, for one format. `said`: its id, or all that is said of a message that is kept. */
export function formatBroadcast(
  topic: string,
  event: string,
  text: string,
  said: string | KeptMeta | ActionMeta | Echo | undefined,
  as: Format,
): string {
  if (as === 'events') return broadcastEvent(topic, event, text, isKept(said) ? said : undefined)
  const name = JSON.stringify(event)
  const meta = said === undefined ? '' : `,"meta":${JSON.stringify(typeof said === 'string' ? { id: said } : said)}`
  const payload = `{"type":"broadcast","event":${name},"payload":${text}${meta}}`
  return formatText({ joinRef: null, ref: null, topic: `${CHANNEL}${topic}`, event: 'broadcast', text: payload }, as)
}

/** What a plain stream has to know of a message; it stands before the message's text, in a line of its own. */
export interface EventHeader {
  readonly topic?: string
  /** The message's own, where it has one. */
  readonly cursor?: unknown
  /** It says nothing but that there is something to be read, where the topic has a history. */
  readonly more?: boolean
  /** The topic that was closed, where it says that. */
  readonly closed?: string
}

/** A message as a server-sent event, behind its header. */
function broadcastEvent(topic: string, event: string, payload: string, meta?: KeptMeta | ActionMeta): string {
  const { stamp, text } = unstampedText(payload)
  // What the server says of a message that is kept goes before what its sender wrote.
  // Of a feed's rows the stamp is the database's, and in any other topic whoever sends can write one.
  const believed = topic.startsWith(FEED) ? stamp : {}
  const header: EventHeader = meta
    ? { topic, cursor: meta.cursor }
    : { topic, cursor: believed.cursor, ...(believed.more === true && { more: true }) }
  return `${JSON.stringify(header)}\n${eventBlock(topic, event, text, meta)}`
}

/**
 * The rest is of the protocol's, but for an end and a gap, which everybody wants to know of. What is missing is read in place of
 * telling the gap, where it can be.
 */
function endingEvent({ topic, event }: Frame): string {
  const name = topic.slice(CHANNEL.length)
  const kind = event === 'phx_close' ? 'closed' : event === 'phx_error' ? 'gap' : undefined
  const header: EventHeader = kind === 'gap' ? { topic: name, more: true } : { closed: name }
  return kind ? `${JSON.stringify(header)}\nevent: ${kind}\ndata: ${JSON.stringify({ topic: name })}\n\n` : ''
}
