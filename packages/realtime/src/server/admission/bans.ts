import { createSeen } from '../../base/seen.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Runtime } from '../runtime.ts'
import { fits, type Ended } from './liveness.ts'

/** Whom `kick` sends out of a topic: the members that fit all that is named; everybody where nobody is. */
export interface Kicked extends Ended {
  readonly topic: string
  /** Default: of the private and of the public room of that name. */
  readonly private?: boolean
}

interface Ban {
  readonly kicked: Kicked
  readonly id: string | undefined
  /** In monotonic milliseconds. */
  readonly until: number
}

/** Who may not come back into a topic yet. */
export interface Bans {
  /**
   * For longer, where they are kept out already.
   *
   * @param id Of the ban, by which all servers know it: one that was heard before is not begun again by the way that it took.
   * @returns Whether it keeps anybody out whom nothing kept out before, or for longer.
   */
  add(kicked: Kicked, forMs: number, id?: string): boolean
  /** Who is kept out now, and for how many milliseconds more at the moment at which that is asked: 0 once it is over. */
  all(): Iterable<readonly [kicked: Kicked, leftMs: () => number, id: string | undefined]>
  /** Milliseconds for which the holder of these claims may not be in the topic; 0: may be. */
  left(claims: Claims, topic: string, isPrivate: boolean): number
}

/** With more, the oldest are forgotten, and that is reported. */
const MAX_BANS = 10_000

export function createBans({ clock, report }: Runtime): Bans {
  const byTopic = new Map<string, Set<Ban>>()
  // In the order in which they came.
  const all = new Set<Ban>()
  const known = createSeen(MAX_BANS)
  const forget = (ban: Ban): void => {
    all.delete(ban)
    const inTopic = byTopic.get(ban.kicked.topic)
    inTopic?.delete(ban)
    if (inTopic?.size === 0) byTopic.delete(ban.kicked.topic)
  }
  const makeRoom = (now: number): void => {
    if (all.size < MAX_BANS) return
    for (const ban of all) if (ban.until <= now) forget(ban)
    for (const oldest of all) {
      if (all.size < MAX_BANS) return
      forget(oldest)
      report(new Error('[msc/realtime] There are too many bans: the oldest was forgotten.'), 'kick')
    }
  }
  return {
    add(kicked, forMs, id) {
      if (id !== undefined && !known.add(id)) return false
      const now = clock.monotonic()
      const inTopic = byTopic.get(kicked.topic)
      for (const ban of inTopic ?? []) {
        if (!isSame(ban.kicked, kicked)) continue
        if (ban.until >= now + forMs) return false
        forget(ban)
      }
      makeRoom(now)
      const ban = { kicked, id, until: now + forMs }
      all.add(ban)
      const others = byTopic.get(kicked.topic)
      if (others) others.add(ban)
      else byTopic.set(kicked.topic, new Set([ban]))
      return true
    },
    *all() {
      for (const { kicked, until, id } of all) {
        const leftMs = (): number => Math.max(0, until - clock.monotonic())
        if (leftMs() > 0) yield [kicked, leftMs, id]
      }
    },
    left(claims, topic, isPrivate) {
      const bans = byTopic.get(topic)
      if (!bans) return 0
      const now = clock.monotonic()
      let left = 0
      for (const ban of bans) {
        if (ban.until <= now) forget(ban)
        else if (isOf(ban.kicked, claims, isPrivate)) left = Math.max(left, ban.until - now)
      }
      return left
    },
  }
}

const isSame = (one: Kicked, other: Kicked): boolean =>
  one.sub === other.sub && one.sessionId === other.sessionId && one.private === other.private

/** Whether the holder of these claims, in the room of that kind, is meant. */
export function isOf(kicked: Kicked, claims: Claims, isPrivate: boolean): boolean {
  return (kicked.private === undefined || kicked.private === isPrivate) && fits(claims, kicked)
}
