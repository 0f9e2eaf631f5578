import type { CancelTimer } from '@msc/core'
import { createChanges, type Changes, type ChangeWish } from '../changes/changes.ts'
import type { SaidOfAction, SaidOfMessage } from '../../history/types.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Connection } from '../entrance/connection.ts'
import type { TopicAction } from '../policies/permissions.ts'
import { createRuntime, type Runtime } from '../runtime.ts'
import { RoomMembers, type Window } from './room-members.ts'
import { createTaken, type Once, type Taken } from './taken.ts'
import type { Format } from '../wire/format.ts'

/** What one member of a room tracks. */
export interface PresenceEntry {
  readonly key: string
  readonly ref: string
  /** As the members were told before. */
  readonly previous: string | undefined
  /** The state with its references, as JSON. */
  readonly text: string
}

/** A state whose member has gone, as far as this server is concerned. */
interface Lingering {
  readonly room: Pick<Membership, 'topic' | 'private'>
  readonly entry: PresenceEntry
}

export interface Present {
  members: number
  bytes: number
}

/** What has changed in a room since its members were last told, by reference. */
export interface PresenceChanges {
  readonly joins: Map<string, PresenceEntry>
  readonly leaves: Map<string, PresenceEntry>
  /** A time is set to tell them, or it waits for its turn in the room. */
  isDue: boolean
  /** Takes the time back. */
  cancel?: CancelTimer
}

/** Something to be sent to a room. */
export interface Outgoing {
  readonly topic: string
  readonly private: boolean
  /** What it weighs while it waits. */
  readonly bytes: number
  /** What becomes of it when too much waits: a feed's is fetched in its place. */
  readonly kind: 'message' | 'feed' | 'more' | 'presence'
  /** Called when its turn comes, before anything is asked of it. */
  onTurn?(): void
  /** Built once for each format, when its turn comes; `undefined` where it can't be said in that. */
  dataFor(format: Format): string | Uint8Array | undefined
  isFor(member: Membership): boolean
  /** What one of its connections gets in place of that. */
  readonly echo?: { readonly of: Connection; dataFor(format: Format): string | undefined }
  /** As whoever follows the room is shown it. */
  readonly said?: { readonly event: string; readonly payload: string | Uint8Array }
}

/** What waits in a room for the message before it. */
export interface RoomQueue {
  waiting: Outgoing[]
  bytes: number
}

/** A connection in a topic. */
export interface Membership {
  readonly connection: Connection
  readonly joinRef: string | null
  readonly topic: string
  readonly private: boolean
  /** Hears its own broadcasts. */
  readonly self: boolean
  readonly ack: boolean
  /** The key is another one when a token of another user comes. */
  presence: { readonly enabled: boolean; readonly key: string }
  readonly changes: readonly ChangeWish[]
  /** Of its own latest token: another topic of the connection may have another. */
  claims: Claims
  /** Has asked where it is in the history, and hears of what is done to messages. */
  followsHistory?: boolean
  /** What its token was found to allow. */
  granted?: Set<TopicAction>
  /** What it tracks, once it does. */
  tracked?: PresenceEntry
  /** When it came into the room, in milliseconds since the epoch. */
  joinedAt?: number
  /** The same in monotonic milliseconds, which no clock that is set changes. */
  enteredAt?: number
  /** As which of all memberships of this server. */
  nth?: number
}

/** A message as other servers are told of it. */
interface OutboundMessage {
  readonly topic: string
  readonly event: string
  readonly private: boolean
  readonly payload: string | Uint8Array
  readonly id?: string | undefined
  readonly once?: Once | undefined
  /** Of one that is kept. */
  readonly meta?: SaidOfMessage | SaidOfAction | undefined
}

/** Tells the other servers what this one's members and application do. Never throws. */
interface Outbound {
  broadcast(message: OutboundMessage): void
  /** @param replaced What another server lets linger, and `joined` takes the place of. */
  presence(
    room: Pick<Membership, 'topic' | 'private'>,
    joined?: PresenceEntry,
    left?: PresenceEntry,
    replaced?: PresenceEntry,
  ): void
  /** What is tracked stays only until its member is back. */
  lingers(entry: PresenceEntry): void
}

/** Who is where. A private and a public topic of one name are two rooms. */
export interface Rooms {
  readonly runtime: Runtime
  add(membership: Membership): void
  remove(membership: Membership): void
  /** It has another token, and stays where it is. */
  become(membership: Membership, claims: Claims): void
  keyOf(topic: string, isPrivate: boolean): string
  members(topic: string, isPrivate: boolean): ReadonlySet<Membership>
  /** `undefined` where nobody is. */
  room(topic: string, isPrivate: boolean): RoomMembers | undefined
  /** All rooms, in the order in which they were opened. */
  all(): Iterable<RoomMembers>
  /** The topics that begin like this in which somebody is. */
  topicsFrom(prefix: string, isPrivate: boolean): readonly string[]
  readonly size: number
  readonly changes: Changes
  readonly taken: Taken
  /** What the members of a room have not been told yet of who is there. */
  readonly presence: Map<string, PresenceChanges>
  /** Members of a room that track a state, and what those weigh. */
  readonly present: Map<string, Present>
  /** What members of other servers track, by room and by reference. */
  readonly elsewhere: Map<string, Map<string, PresenceEntry>>
  /** What members of this server still track who were told to come back on another one, by reference. */
  readonly lingering: Map<string, Lingering>
  /** What other servers let linger, by room and presence key. */
  readonly lingersElsewhere: Map<string, Set<PresenceEntry>>
  /** Where there are other servers. */
  outbound?: Outbound
  /** Told of who comes and goes, where rooms are counted. */
  occupied?: (membership: Membership, isIn: boolean) => void
  /** All members of all rooms of this server. */
  everyone(): Iterable<Membership>
  /** What is being written into the history, and is sent to its room once it is. */
  readonly pending: Map<string, { count: number; bytes: number }>
  /** What is to be sent to a room once the message before it has reached everybody there; absent while nothing is. */
  readonly sending: Map<string, RoomQueue>
  /** Rooms that will be told that something is missing in them, by key, and what takes that back. Nearly always empty. */
  readonly gapsDue: Map<string, CancelTimer>
  /** Bytes that wait in all rooms. */
  waitingBytes: number
  readonly window: Window
  /** Who is told of what is sent to a room, by the room's key. Nearly always empty. */
  readonly followed: Map<string, (outgoing: Outgoing) => void>
}

const NOBODY: ReadonlySet<Membership> = new Set()

export function createRooms(runtime: Runtime = createRuntime()): Rooms {
  const rooms = new Map<string, RoomMembers>()
  let last = 0
  const changes = createChanges()
  const keyOf = (topic: string, isPrivate: boolean): string => `${isPrivate ? 'private' : 'public'} ${topic}`
  runtime.counters.onRefusedIn = (topic, code) => {
    if (rooms.size === 0) return
    for (const isPrivate of [true, false]) rooms.get(keyOf(topic, isPrivate))?.countRefused(code, runtime.clock.now())
  }
  const self: Rooms = {
    runtime,
    window: { number: 0, startedAt: runtime.clock.monotonic(), beforeMs: 0 },
    followed: new Map(),
    sending: new Map(),
    pending: new Map(),
    gapsDue: new Map(),
    presence: new Map(),
    present: new Map(),
    elsewhere: new Map(),
    lingering: new Map(),
    lingersElsewhere: new Map(),
    *everyone() {
      for (const room of rooms.values()) yield* room
    },
    waitingBytes: 0,
    keyOf,
    changes,
    taken: createTaken(runtime.clock),
    add(membership) {
      changes.add(membership)
      const key = keyOf(membership.topic, membership.private)
      let room = rooms.get(key)
      if (!room) rooms.set(key, (room = new RoomMembers(membership.topic, membership.private)))
      membership.joinedAt = runtime.clock.now()
      membership.enteredAt = runtime.clock.monotonic()
      membership.nth = last += 1
      room.add(membership)
      self.occupied?.(membership, true)
    },
    remove(membership) {
      changes.remove(membership)
      const key = keyOf(membership.topic, membership.private)
      const room = rooms.get(key)
      if (room?.delete(membership)) runtime.counters.countLeave()
      if (room?.size === 0) rooms.delete(key)
      self.occupied?.(membership, false)
    },
    become(membership, claims) {
      // Whose rows it hears of is asked of its token.
      changes.remove(membership)
      membership.claims = claims
      delete membership.granted
      changes.add(membership)
      // It may be another account that is there now.
      self.occupied?.(membership, true)
    },
    members: (topic, isPrivate) => rooms.get(keyOf(topic, isPrivate)) ?? NOBODY,
    room: (topic, isPrivate) => rooms.get(keyOf(topic, isPrivate)),
    all: () => rooms.values(),
    topicsFrom(prefix, isPrivate) {
      const kind = keyOf('', isPrivate)
      return [...rooms.keys()].filter((key) => key.startsWith(`${kind}${prefix}`)).map((key) => key.slice(kind.length))
    },
    get size() {
      return rooms.size
    },
  }
  return self
}
