import { UnavailableError, every, isRecord, type CancelTimer } from '@msc/core'
import type { Occupancy } from '../../driver.ts'
import { assertGiven, fitsName } from '../../base/name.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { formatText } from '../wire/format.ts'
import { sendToRoom } from './fan-out.ts'
import { push } from './membership.ts'
import type { Membership, Rooms } from './rooms.ts'

/** The rooms that are counted, because somebody asks. */
export interface Occupancies {
  /** A member hears the number now and when it changes, or no longer. False where too many rooms are counted. */
  watch(membership: Membership, isWanted: boolean): boolean
  /** Waits for the other servers, a second at most. @throws UnavailableError `REALTIME_TOO_MANY_COUNTED`. */
  of(topic: string, isPrivate: boolean): Promise<Occupancy>
  /** Where there are other servers. */
  connect(ports: OccupancyPorts): void
  /** What another server asks or says. */
  hear(server: string, message: Readonly<Record<string, unknown>>): void
  /** Its members are gone. */
  forget(server: string): void
  close(): void
}

interface OccupancyPorts {
  say(message: Readonly<Record<string, unknown>>): void
  servers(): readonly string[]
  /** A name for an account that says nothing of it, the same on all servers. */
  nameOf(sub: string): string
}

/** What one server has of a room. */
interface Counted {
  readonly members: number
  /** By name; where there are too many to be told, only their number. */
  readonly users: ReadonlySet<string> | number
  readonly at: number
}

interface Watch {
  readonly topic: string
  readonly private: boolean
  /** Who hears it. */
  readonly members: Set<Membership>
  readonly others: Map<string, Counted>
  /** Until when others, and the application, want to know: in monotonic milliseconds. */
  askedUntil: number
  wantedUntil: number
  isDue: boolean
  cancel?: CancelTimer
  nextAt: number
  /** JSON as it was last told to the members, and to the other servers. */
  told?: string
  said?: string
  /** Called when another server has answered. */
  readonly waiting: Set<() => void>
}

/** Rooms that are counted at a time. */
const MAX_ROOMS = 1000
/** At least from one number to the next. */
const APART_MS = 1000
/** Whoever wants to know says so this often, and is told for three times as long. */
const ASK_MS = 5000
const LEASE_MS = 15_000
const ANSWER_MS = 1000
/** Accounts of one room on one server that are told by name, so that one on two servers is counted once. */
const MAX_NAMED = 500
const MAX_NAME_LENGTH = 16

export function createOccupancies(rooms: Rooms): Occupancies {
  const { clock, attempt, report } = rooms.runtime
  const watches = new Map<string, Watch>()
  let ports: OccupancyPorts | undefined

  const isWanted = ({ members, wantedUntil }: Watch): boolean => members.size > 0 || wantedUntil > clock.monotonic()
  const ask = ({ topic, private: isPrivate }: Watch): void => ports?.say({ topic, private: isPrivate, ask: true })
  const find = (topic: string, isPrivate: boolean): Watch | undefined => {
    const key = rooms.keyOf(topic, isPrivate)
    let watch = watches.get(key)
    if (watch || watches.size >= MAX_ROOMS) return watch
    watch = {
      topic,
      private: isPrivate,
      members: new Set(),
      others: new Map(),
      askedUntil: -Infinity,
      wantedUntil: -Infinity,
      isDue: false,
      nextAt: -Infinity,
      waiting: new Set(),
    }
    watches.set(key, watch)
    return watch
  }
  const subsOf = (watch: Watch): Set<string> => {
    const subs = new Set<string>()
    for (const { claims } of rooms.members(watch.topic, watch.private))
      if (claims.sub !== undefined) subs.add(claims.sub)
    return subs
  }
  const totalOf = (watch: Watch): Occupancy => {
    const subs = subsOf(watch)
    let { size: members } = rooms.members(watch.topic, watch.private)
    if (watch.others.size === 0 || !ports) return { members, users: subs.size }
    const named = new Set<string>()
    let users = 0
    if (subs.size > MAX_NAMED) users += subs.size
    else for (const sub of subs) named.add(ports.nameOf(sub))
    for (const other of watch.others.values()) {
      members += other.members
      if (typeof other.users === 'number') users += other.users
      else for (const name of other.users) named.add(name)
    }
    return { members, users: users + named.size }
  }
  const sayOwn = (watch: Watch): void => {
    if (!ports || watch.askedUntil <= clock.monotonic()) return
    const { topic, private: isPrivate } = watch
    const { nameOf } = ports
    const subs = subsOf(watch)
    const { size: members } = rooms.members(topic, isPrivate)
    const users = subs.size > MAX_NAMED ? subs.size : [...subs].map(nameOf)
    const said = JSON.stringify({ members, users })
    if (said === watch.said) return
    watch.said = said
    ports.say({ topic, private: isPrivate, members, users })
  }
  /** When its turn comes in the room: one waits at most, and says what is true then. */
  const tell = (watch: Watch): void => {
    let text: string | undefined
    sendToRoom(rooms, {
      topic: watch.topic,
      private: watch.private,
      kind: 'presence',
      bytes: 0,
      onTurn() {
        watch.isDue = false
        watch.nextAt = clock.monotonic() + APART_MS
        const next = JSON.stringify(totalOf(watch))
        if (next !== watch.told) watch.told = text = next
      },
      isFor: (member) => text !== undefined && watch.members.has(member),
      dataFor: (version) =>
        version === 'events' || text === undefined
          ? undefined
          : formatText(
              { joinRef: null, ref: null, topic: CHANNEL + watch.topic, event: 'msc_occupancy', text },
              version,
            ),
    })
  }
  const update = (watch: Watch): void => {
    delete watch.cancel
    sayOwn(watch)
    if (watch.members.size > 0) return tell(watch)
    watch.isDue = false
    watch.nextAt = clock.monotonic() + APART_MS
  }
  /** The first change sets the time; those that come meanwhile are told with it. */
  const touch = (watch: Watch): void => {
    if (watch.isDue) return
    watch.isDue = true
    const wait = Math.max(0, watch.nextAt - clock.monotonic())
    watch.cancel = clock.setTimeout(() => void attempt('tell of an occupancy', () => update(watch)), wait)
  }
  const look = (): void => {
    const now = clock.monotonic()
    for (const [key, watch] of watches) {
      for (const [server, { at }] of watch.others) {
        if (now - at > LEASE_MS && watch.others.delete(server)) touch(watch)
      }
      if (isWanted(watch)) ask(watch)
      else if (watch.askedUntil <= now) {
        watch.cancel?.()
        watches.delete(key)
      } else watch.others.clear()
    }
  }
  const stopLooking = every(ASK_MS, look, { clock, onError: (error) => report(error, 'count rooms') })
  rooms.occupied = (membership, isIn) => {
    const watch = watches.get(rooms.keyOf(membership.topic, membership.private))
    if (!watch) return
    if (!isIn) watch.members.delete(membership)
    touch(watch)
  }

  return {
    watch(membership, wanted) {
      const { topic, private: isPrivate } = membership
      if (!wanted) {
        watches.get(rooms.keyOf(topic, isPrivate))?.members.delete(membership)
        return true
      }
      const watch = find(topic, isPrivate)
      if (!watch) return false
      if (!isWanted(watch)) ask(watch)
      const total = totalOf(watch)
      if (watch.members.size === 0) watch.told = JSON.stringify(total)
      watch.members.add(membership)
      push(membership, 'msc_occupancy', total)
      return true
    },
    async of(topic, isPrivate) {
      assertGiven('topic', topic)
      const watch = find(topic, isPrivate)
      if (!watch) {
        throw new UnavailableError(`[msc/realtime] ${MAX_ROOMS} rooms are counted already.`, {
          code: 'REALTIME_TOO_MANY_COUNTED',
          hint: 'Ask again in some seconds, or of fewer topics at a time.',
        })
      }
      // Known from then on, while it is asked again.
      watch.wantedUntil = clock.monotonic() + LEASE_MS
      const isAnswered = (): boolean => !ports || ports.servers().every((server) => watch.others.has(server))
      if (isAnswered()) return totalOf(watch)
      ask(watch)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          cancel()
          watch.waiting.delete(look)
          resolve()
        }
        const look = (): void => {
          if (isAnswered()) done()
        }
        const cancel = clock.setTimeout(done, ANSWER_MS)
        watch.waiting.add(look)
      })
      return totalOf(watch)
    },
    connect(given) {
      ports = given
    },
    hear(server, { topic, private: isPrivate, ask: isAsked, members, users }) {
      if (typeof topic !== 'string' || !fitsName(CHANNEL + topic)) return
      if (isAsked === true) {
        const asked = find(topic, isPrivate === true)
        if (!asked) return
        asked.askedUntil = clock.monotonic() + LEASE_MS
        // Whoever asks may have missed what was said.
        delete asked.said
        return sayOwn(asked)
      }
      const watch = watches.get(rooms.keyOf(topic, isPrivate === true))
      const counted = parseCounted(members, users, clock.monotonic())
      if (!watch || !counted || !isWanted(watch)) return
      watch.others.set(server, counted)
      touch(watch)
      for (const each of watch.waiting) each()
    },
    forget(server) {
      for (const watch of watches.values()) if (watch.others.delete(server)) touch(watch)
    },
    close() {
      stopLooking()
      delete rooms.occupied
      for (const { cancel, waiting } of watches.values()) {
        cancel?.()
        ports = undefined
        for (const each of waiting) each()
      }
      watches.clear()
    },
  }
}

function parseCounted(members: unknown, users: unknown, at: number): Counted | undefined {
  if (!isCount(members)) return undefined
  if (isCount(users)) return { members, users, at }
  if (!Array.isArray(users) || users.length > MAX_NAMED) return undefined
  const isName = (name: unknown): name is string => typeof name === 'string' && name.length <= MAX_NAME_LENGTH
  return users.every(isName) ? { members, users: new Set(users), at } : undefined
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** A frame of a member that wants to hear the number, or no longer: `{ on: false }`. */
export const wantsOccupancy = (payload: unknown): boolean => !isRecord(payload) || payload['on'] !== false
