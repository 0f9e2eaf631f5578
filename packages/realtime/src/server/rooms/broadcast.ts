import { emit } from '@msc/core'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { ActionMeta, KeptMeta } from '../../history/types.ts'
import type { Connection } from '../entrance/connection.ts'
import { formatBinaryBroadcast } from '../wire/binary.ts'
import { formatBroadcast } from '../wire/format.ts'
import { sendToRoom, weigh } from './fan-out.ts'
import type { Outgoing, RoomQueue, Rooms } from './rooms.ts'
import type { Once } from './taken.ts'

/** Messages, and their bytes, that wait in one room for the ones before them. More are refused to whoever sends them. */
const MAX_QUEUED = 1000
const MAX_QUEUED_BYTES = 8 * 1024 * 1024
/** Bytes that wait in all rooms together. */
export const MAX_WAITING_BYTES: number = 64 * 1024 * 1024
/** What a message weighs beside its payload. */
const OVERHEAD_BYTES = 200

/** Why a room takes no more. */
const ROOM_BUSY = 'ROOM_BUSY'

/** A message that was accepted: its payload is the text, or the bytes, that everybody gets. */
export interface Broadcast {
  readonly topic: string
  readonly event: string
  readonly private: boolean
  /** JSON, encoded when it was accepted: what can't be encoded has to be refused to its sender. */
  readonly payload: string | Uint8Array
  readonly id?: string | undefined
  /** Of one that its account may send again. */
  readonly once?: Once | undefined
  /** Of one that is kept, or what was done to one: only those hear of that who have asked for the history. */
  readonly meta?: KeptMeta | ActionMeta
}

/** Who sent a message: does not hear it. */
export interface From {
  readonly connection: Connection
  /**
   * Hears it in its place among the others after all, as its own, and by this name: of one that is empty, only where it is. Whoever
   * shares the connection would hear it too early otherwise, and nobody could say of it where it is.
   */
  readonly echo?: string | undefined
}

/**
 * Says whether all of these can be taken now, so that a request is taken as a whole or not at all. A room in which nothing
 * waits takes any number: what one request has is bounded by its body.
 */
export function hasRoomFor(rooms: Rooms, messages: readonly Broadcast[]): boolean {
  return fits(rooms, messages, true)
}

/** @param isNew It was not taken yet: what was, and is still being written, comes before it. */
function fits(rooms: Rooms, messages: readonly Broadcast[], isNew: boolean): boolean {
  const wanted = new Map<string, { count: number; bytes: number }>()
  let bytes = 0
  for (const message of messages) {
    const key = rooms.keyOf(message.topic, message.private)
    if (!rooms.sending.has(key) && !(isNew && rooms.pending.has(key))) continue
    const sum = wanted.get(key) ?? { count: 0, bytes: 0 }
    const weight = weightOf(message)
    sum.count += 1
    sum.bytes += weight
    bytes += weight
    wanted.set(key, sum)
  }
  if (bytes > 0 && rooms.waitingBytes > 0 && rooms.waitingBytes + bytes > MAX_WAITING_BYTES) return false
  for (const [key, sum] of wanted) {
    const { waiting, bytes: queued } = rooms.sending.get(key) ?? NOTHING
    const pending = (isNew && rooms.pending.get(key)) || { count: 0, bytes: 0 }
    const count = waiting.length + pending.count
    if (count === 0) continue
    if (count + sum.count > MAX_QUEUED || queued + pending.bytes + sum.bytes > MAX_QUEUED_BYTES) return false
  }
  return true
}

const NOTHING: RoomQueue = { waiting: [], bytes: 0 }

/** Counts messages that are being written as waiting in their rooms. Returns a function that ends it. */
export function pend(rooms: Rooms, messages: readonly Broadcast[]): () => void {
  const change = (by: 1 | -1): void => {
    for (const message of messages) {
      const key = rooms.keyOf(message.topic, message.private)
      const sum = rooms.pending.get(key) ?? { count: 0, bytes: 0 }
      sum.count += by
      sum.bytes += by * weightOf(message)
      if (sum.count > 0) rooms.pending.set(key, sum)
      else rooms.pending.delete(key)
    }
  }
  change(1)
  return () => change(-1)
}

/**
 * Sends a message that is kept, whose sender was told that it is. False in a room that can't follow: its members have to be told
 * that they missed something, upon which those who follow the history fetch it.
 */
export function broadcastKept(rooms: Rooms, message: Broadcast, from?: From): boolean {
  if (!fits(rooms, [message], false)) {
    rooms.runtime.counters.countRefused(ROOM_BUSY)
    return false
  }
  broadcastHere(rooms, message, from)
  return true
}

/** Sends a message to everybody in its room, on all servers, but for whoever sent it and does not want to hear it. */
export function broadcast(rooms: Rooms, message: Broadcast, from?: From): void {
  broadcastHere(rooms, message, from)
  rooms.outbound?.broadcast(message)
}

/**
 * Sends a message to those in its room who are on this server. Of one that is kept, those who follow the history hear nothing while
 * they have yet to be told that another is missing: they would take it for news of everything before it. They read both.
 */
export function broadcastHere(rooms: Rooms, message: Broadcast, from?: From): void {
  const outgoing = outgoingOf(message, 'message', from)
  const { topic, private: isPrivate, meta } = message
  const isHeldBack = meta !== undefined && rooms.gapsDue.size > 0 && rooms.gapsDue.has(rooms.keyOf(topic, isPrivate))
  rooms.runtime.counters.countBroadcasts(1)
  sendToRoom(
    rooms,
    isHeldBack ? { ...outgoing, isFor: (member) => !member.followsHistory && outgoing.isFor(member) } : outgoing,
  )
}

/**
 * Sends a feed's message, which nobody can be refused: what happened has happened. In a room that can't follow, all of the
 * feed that waits is replaced by one message that says so, upon which members fetch from where they are.
 */
export function broadcastFeed(rooms: Rooms, message: Broadcast): void {
  const { counters } = rooms.runtime
  const queue = rooms.sending.get(rooms.keyOf(message.topic, message.private))
  // Whoever is told that there is more fetches this one too.
  if (queue?.waiting.some(({ kind }) => kind === 'more')) return counters.countRefused('FEED_REPLACED')
  if (!queue || fits(rooms, [message], false)) {
    counters.countBroadcasts(1)
    return sendToRoom(rooms, outgoingOf(message, 'feed'))
  }
  const kept = queue.waiting.filter(({ kind }) => kind !== 'feed')
  const count = queue.waiting.length - kept.length + 1
  for (const { kind, bytes } of queue.waiting) if (kind === 'feed') weigh(rooms, queue, -bytes)
  queue.waiting = kept
  emit('driver.drop', { concern: 'realtime', driver: 'embedded', reason: 'room too busy', count })
  counters.countRefused('FEED_REPLACED', count)
  const { topic, private: isPrivate } = message
  const more = { topic, event: 'more', payload: '{"_msc":{"more":true}}', private: isPrivate }
  sendToRoom(rooms, outgoingOf(more, 'more'))
}

function outgoingOf(message: Broadcast, kind: Outgoing['kind'], from?: From): Outgoing {
  const { topic, event, payload, private: isPrivate, id, meta } = message
  const isAction = meta !== undefined && 'action' in meta
  const { connection: own, echo } = from ?? {}
  return {
    topic,
    private: isPrivate,
    kind,
    bytes: weightOf(message),
    said: message,
    isFor: isAction
      ? ({ followsHistory }) => followsHistory === true
      : ({ connection, self }) => connection !== own || self || echo !== undefined,
    dataFor(version) {
      if (typeof payload === 'string') return formatBroadcast(topic, event, payload, meta ?? id, version)
      // Version 1 has no bytes; what can't be said there is left out.
      return version === '2.0.0' ? formatBinaryBroadcast(`${CHANNEL}${topic}`, event, payload) : undefined
    },
    ...(own &&
      echo !== undefined &&
      typeof payload === 'string' && {
        echo: {
          of: own,
          dataFor: (version) =>
            formatBroadcast(topic, event, echo === '' ? 'null' : payload, { ...(meta ?? { id }), echo }, version),
        },
      }),
  }
}

const weightOf = ({ payload }: Broadcast): number => OVERHEAD_BYTES + payload.length
