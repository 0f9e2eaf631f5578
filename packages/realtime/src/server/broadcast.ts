import type { OutgoingMessage } from '../driver.ts'
import { formatBinaryBroadcast, formatFrame, type Frame, type ProtocolVersion } from '../frames.ts'
import type { Connection } from './connection.ts'
import type { Rooms } from './rooms.ts'

/** Members reached in one turn of the event loop: a large room must not stall everybody else. */
const CHUNK = 250

/** Sends to a room; each version's frame is built once. */
export function broadcast(
  rooms: Rooms,
  message: Omit<OutgoingMessage, 'payload'> & { readonly payload: unknown; readonly id?: string },
  except?: Connection,
): void {
  const { topic, event, payload, id } = message
  const members = [...rooms.members(topic, message.private)].filter(
    ({ connection, self }) => connection !== except || self,
  )
  if (members.length === 0) return
  const binary = payload instanceof Uint8Array ? formatBinaryBroadcast(`realtime:${topic}`, event, payload) : undefined
  const frame: Frame = {
    joinRef: null,
    ref: null,
    topic: `realtime:${topic}`,
    event: 'broadcast',
    payload: { type: 'broadcast', event, payload, ...(id !== undefined && { meta: { id } }) },
  }
  const built = new Map<ProtocolVersion, string>()
  const frameFor = (version: ProtocolVersion): string => {
    let text = built.get(version)
    if (text === undefined) built.set(version, (text = formatFrame(frame, version)))
    return text
  }
  const sendFrom = (start: number): void => {
    for (const { connection } of members.slice(start, start + CHUNK)) {
      // Version 1 has no bytes; what can't be said there is left out.
      if (binary === undefined) connection.sendRaw(frameFor(connection.version))
      else if (connection.version === '2.0.0') connection.sendRaw(binary)
    }
    if (start + CHUNK < members.length) setImmediate(() => sendFrom(start + CHUNK))
  }
  sendFrom(0)
}
