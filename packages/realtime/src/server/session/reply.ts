import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { Connection } from '../entrance/connection.ts'
import type { Runtime } from '../runtime.ts'
import type { FrameHead } from '../wire/frame-head.ts'
import { refusedReply, type Refused } from './refusal.ts'

export function reply(connection: Connection, frame: FrameHead, status: 'ok' | 'error', response: unknown): void {
  answer(connection, frame, { status, response })
}

function answer(connection: Connection, { joinRef, ref, topic, event }: FrameHead, payload: unknown): void {
  const join = joinRef ?? (event === 'phx_join' ? ref : null)
  connection.send({ joinRef: join, ref, topic, event: 'phx_reply', payload })
}

/** The same with a response that is JSON already, as the database wrote it: it may be nested more deeply than can be written here. */
export function replyWith(connection: Connection, { joinRef, ref, topic }: FrameHead, response: string): void {
  connection.sendText({ joinRef, ref, topic, event: 'phx_reply', text: `{"status":"ok","response":${response}}` })
}

/** Tells the sender of a frame, and nobody else, why it is not taken. Without a reference there is nothing to answer. */
export function refuse(connection: Connection, frame: FrameHead, refused: Refused, { counters }: Runtime): void {
  counters.countRefused(refused.code)
  if (frame.topic.startsWith(CHANNEL)) counters.onRefusedIn?.(frame.topic.slice(CHANNEL.length), refused.code)
  if (frame.ref !== null) answer(connection, frame, refusedReply(refused))
}
