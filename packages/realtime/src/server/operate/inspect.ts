import type { History } from '../history/history.ts'
import { wellFormed } from './well-formed.ts'
import type { RefusedOfLate, RoomMembers } from '../rooms/room-members.ts'
import type { Membership, Rooms } from '../rooms/rooms.ts'
import type { TransportName } from '../entrance/connection.ts'
import { isFeedTopic } from '../session/context.ts'
import { createFollowers, type Followers } from './followers.ts'
import { createLargest, formatStanding, parseStanding } from './largest.ts'
import type { Totals } from './sampling.ts'

export interface RoomsQuery {
  /** Part of a topic's name; upper and lower case are the same. */
  readonly search?: string
  /** Default 50, at most 200. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface RoomSummary {
  readonly topic: string
  readonly private: boolean
  /** Connections of this server that are in it. */
  readonly members: number
  /** Accounts of these, among the first 10 000. */
  readonly users: number
  /** States in presence, of all servers. */
  readonly present: number
  /** Over the last one or two samples: ten to twenty seconds, unless `metrics.sampleMs` says otherwise. */
  readonly messagesPerSecond: number
  /** Of messages that wait for the one before them. */
  readonly waitingBytes: number
  /** Whether its messages are kept, and by what. */
  readonly kept?: 'feed' | 'history'
}

export interface RoomsPage {
  readonly rooms: readonly RoomSummary[]
  /** Of this server, whatever was searched for. */
  readonly total: number
  /** Absent on the last page. */
  readonly next?: string
}

export interface MembersQuery {
  /** Default 50, at most 200. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: number
}

export interface MemberSummary {
  /** Absent without an account; of one that is longer, the first 1 000 characters. */
  readonly sub?: string
  /** The first characters of it, at most 8 and at most half: it is no way in. */
  readonly session?: string
  readonly transport: TransportName
  /** Milliseconds since the epoch. */
  readonly joinedAt: number
  /** Of a member that has a state in presence. */
  readonly presenceKey?: string
}

export interface RoomDetails extends RoomSummary {
  /** In the order in which they came. */
  readonly list: readonly MemberSummary[]
  /** Absent on the last page. */
  readonly next?: number
  /** What was refused in this topic in the last ten minutes, whether it is public or private. */
  readonly refusedOfLate: readonly RefusedOfLate[]
}

/** What an operator can see of a server. There is no token, no secret and no full session id in any of it. */
export interface Inspection {
  /** Counts and rates of the whole server, and whether it is as it should be. */
  totals(): Totals
  /**
   * The rooms with the most members first. A full server is looked through in slices that give way to everything else, and no
   * more than a page of it is held.
   */
  rooms(query?: RoomsQuery): Promise<RoomsPage>
  /** A room where nobody is has no members. */
  room(topic: string, isPrivate: boolean, query?: MembersQuery): RoomDetails
  /**
   * Calls with what is sent to a room from now on: at most 50 messages in a second, and what was not shown is counted with the
   * next. It costs nothing where nobody follows. What the handler throws, or rejects with, is reported.
   *
   * @returns What ends it.
   * @throws UnavailableError `REALTIME_FOLLOWERS_FULL` when 50 are followed already, or the server is closed.
   */
  readonly follow: Followers['follow']
}

interface InspectionPorts {
  readonly rooms: Rooms
  readonly hasFeeds: boolean
  readonly history: History | undefined
  totals(): Totals
}

const LIMIT = 50
const MAX_LIMIT = 200
/** How long a look through the rooms may keep the event loop. */
const SLICE_MS = 2
const CHUNK = 500
const MAX_COUNTED = 10_000
const MAX_SUB = 1000
const MAX_KEY = 255

export function createInspection({
  rooms,
  hasFeeds,
  history,
  totals,
}: InspectionPorts): Inspection & Pick<Followers, 'close'> {
  const { clock } = rooms.runtime
  const followers = createFollowers(rooms)

  const keptBy = (topic: string, isPrivate: boolean): RoomSummary['kept'] => {
    if (hasFeeds && isPrivate && isFeedTopic(topic)) return 'feed'
    return history?.keeps(topic, isPrivate) ? 'history' : undefined
  }
  const summary = (topic: string, isPrivate: boolean, room: RoomMembers | undefined): RoomSummary => {
    const key = rooms.keyOf(topic, isPrivate)
    const kept = keptBy(topic, isPrivate)
    return {
      topic,
      private: isPrivate,
      members: room?.size ?? 0,
      users: room ? usersIn(room) : 0,
      present: rooms.present.get(key)?.members ?? 0,
      messagesPerSecond: room?.perSecond(rooms.window, clock.monotonic()) ?? 0,
      waitingBytes: rooms.sending.get(key)?.bytes ?? 0,
      ...(kept && { kept }),
    }
  }
  /** Resolves in the next turn of the event loop when this one has been used up. */
  const slices = (): (() => Promise<void> | undefined) => {
    let until = clock.monotonic() + SLICE_MS
    return () => {
      if (clock.monotonic() <= until) return undefined
      return new Promise<void>((resolve) => {
        setImmediate(() => {
          until = clock.monotonic() + SLICE_MS
          resolve()
        })
      })
    }
  }

  return {
    totals,
    async rooms({ search = '', limit, after } = {}) {
      const most = limitOf(limit)
      const wanted = search.slice(0, MAX_KEY).toLowerCase()
      const largest = createLargest(most + 1, parseStanding(after))
      const giveWay = slices()
      // Rooms that are opened meanwhile are seen too; so many that there is no end are not.
      let left = rooms.size * 2 + CHUNK
      let seen = 0
      for (const room of rooms.all()) {
        if ((left -= 1) < 0) break
        if ((seen += 1) % CHUNK === 0) await giveWay()
        // It may have been left while others had their turn.
        if (room.size === 0 || (wanted !== '' && !room.topic.toLowerCase().includes(wanted))) continue
        largest.add({ room, members: room.size, key: rooms.keyOf(room.topic, room.private) })
      }
      const page: RoomSummary[] = []
      for (const { room } of largest.found.slice(0, most)) {
        page.push(summary(room.topic, room.private, room))
        await giveWay()
      }
      const last = largest.found[most - 1]
      const more = largest.found.length > most && last
      return { rooms: page, total: rooms.size, ...(more && { next: formatStanding(last) }) }
    },
    room(topic, isPrivate, { limit, after = 0 } = {}) {
      const most = limitOf(limit)
      const room = rooms.room(topic, isPrivate)
      const list: MemberSummary[] = []
      let next: number | undefined
      let last = 0
      for (const member of room ?? []) {
        const { nth = 0 } = member
        if (nth <= after) continue
        if (list.length === most) {
          next = last
          break
        }
        last = nth
        list.push(memberSummary(member))
      }
      return {
        ...summary(topic, isPrivate, room),
        list,
        ...(next !== undefined && { next }),
        refusedOfLate: room?.refusedOfLate(clock.now()) ?? [],
      }
    },
    follow: followers.follow,
    close: followers.close,
  }
}

function limitOf(limit: number | undefined): number {
  return limit !== undefined && limit >= 1 ? Math.min(MAX_LIMIT, Math.floor(limit)) : LIMIT
}

function usersIn(room: RoomMembers): number {
  const users = new Set<string>()
  let counted = 0
  for (const { claims } of room) {
    if (claims.sub !== undefined) users.add(claims.sub)
    if ((counted += 1) >= MAX_COUNTED) break
  }
  return users.size
}

function memberSummary({ claims, connection, joinedAt = 0, tracked }: Membership): MemberSummary {
  const { sub, session_id: session } = claims
  return {
    ...(sub !== undefined && { sub: wellFormed(sub, MAX_SUB) }),
    ...(typeof session === 'string' && { session: wellFormed(session, Math.min(8, session.length >> 1)) }),
    transport: connection.transport,
    joinedAt,
    ...(tracked && { presenceKey: wellFormed(tracked.key, MAX_KEY) }),
  }
}
