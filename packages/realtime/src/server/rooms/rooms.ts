import { systemClock, type Clock } from '@msc/core'
import type { PresenceMeta } from '../../client/presence.ts'
import { createChanges, type Changes, type ChangeWish } from '../changes/changes.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Connection } from '../entrance/connection.ts'
import type { PresenceChanges } from './presence.ts'
import type { TopicAction } from '../policies/permissions.ts'

/** A connection in a topic. */
export interface Membership {
  readonly connection: Connection
  readonly joinRef: string | null
  readonly topic: string
  readonly private: boolean
  /** Hears its own broadcasts. */
  readonly self: boolean
  readonly ack: boolean
  readonly presence: { readonly enabled: boolean; readonly key: string }
  readonly changes: readonly ChangeWish[]
  /** Of its own latest token: another topic of the connection may have another. */
  claims: Claims
  /** What its token was found to allow. */
  granted?: Set<TopicAction>
  /** What it tracks, once it does. */
  tracked?: PresenceMeta
}

/** Who is where. A private and a public topic of one name are two rooms. */
export interface Rooms {
  readonly clock: Clock
  add(membership: Membership): void
  remove(membership: Membership): void
  keyOf(topic: string, isPrivate: boolean): string
  members(topic: string, isPrivate: boolean): ReadonlySet<Membership>
  /** The topics that begin like this in which somebody is. */
  topicsFrom(prefix: string, isPrivate: boolean): readonly string[]
  readonly size: number
  readonly changes: Changes
  /** What the members of a room have not been told yet of who is there. */
  readonly presence: Map<string, PresenceChanges>
  /** What is to be sent to a room once the message before it has reached everybody there; absent while nothing is. */
  readonly sending: Map<string, (() => void)[]>
}

const NOBODY: ReadonlySet<Membership> = new Set()

export function createRooms(clock: Clock = systemClock): Rooms {
  const rooms = new Map<string, Set<Membership>>()
  const changes = createChanges()
  const keyOf = (topic: string, isPrivate: boolean): string => `${isPrivate ? 'private' : 'public'} ${topic}`
  return {
    clock,
    sending: new Map(),
    presence: new Map(),
    keyOf,
    changes,
    add(membership) {
      changes.add(membership)
      const key = keyOf(membership.topic, membership.private)
      let room = rooms.get(key)
      if (!room) rooms.set(key, (room = new Set()))
      room.add(membership)
    },
    remove(membership) {
      changes.remove(membership)
      const key = keyOf(membership.topic, membership.private)
      const room = rooms.get(key)
      room?.delete(membership)
      if (room?.size === 0) rooms.delete(key)
    },
    members: (topic, isPrivate) => rooms.get(keyOf(topic, isPrivate)) ?? NOBODY,
    topicsFrom(prefix, isPrivate) {
      const kind = keyOf('', isPrivate)
      return [...rooms.keys()].filter((key) => key.startsWith(`${kind}${prefix}`)).map((key) => key.slice(kind.length))
    },
    get size() {
      return rooms.size
    },
  }
}
