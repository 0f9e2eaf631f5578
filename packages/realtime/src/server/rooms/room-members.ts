import type { RefusedCode } from '../counters.ts'
import type { Membership } from './rooms.ts'

/** The time in which messages are counted together, which moves on with each sample of the server. */
export interface Window {
  number: number
  /** Monotonic milliseconds. */
  startedAt: number
  /** Milliseconds that the one before lasted; 0 where there was none. */
  beforeMs: number
}

/** How often something was refused of late. */
export interface RefusedOfLate {
  readonly code: RefusedCode
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly lastAt: number
}

/** What was refused longer ago than this is not of late, in milliseconds. */
const LATE_MS = 10 * 60_000

/**
 * The members of one room, and what an operator wants to know of it. What happens with every message only adds to numbers:
 * rates are worked out when somebody looks.
 */
export class RoomMembers extends Set<Membership> {
  readonly topic: string
  readonly private: boolean
  /** How many have left: whoever has a copy of the members knows by it whether they are all still here. */
  left = 0
  #window = 0
  #messages = 0
  #messagesBefore = 0
  /** Made with the first, which most rooms never have. */
  #refused: Map<RefusedCode, { count: number; lastAt: number }> | undefined

  constructor(topic: string, isPrivate: boolean) {
    super()
    this.topic = topic
    this.private = isPrivate
  }

  override delete(member: Membership): boolean {
    const wasHere = super.delete(member)
    if (wasHere) this.left += 1
    return wasHere
  }

  /** Counts one message to the room. */
  countMessage(window: number): void {
    if (window !== this.#window) this.#moveTo(window)
    this.#messages += 1
  }

  /** Messages in a second, over the current window and the one before. */
  perSecond({ number, startedAt, beforeMs }: Window, now: number): number {
    if (number !== this.#window) this.#moveTo(number)
    // In the first moments a single message would otherwise count as many in a second.
    const ms = Math.max(1000, now - startedAt + beforeMs)
    return ((this.#messages + this.#messagesBefore) * 1000) / ms
  }

  countRefused(code: RefusedCode, now: number): void {
    this.#refused ??= new Map()
    const known = this.#refused.get(code)
    const count = known && Math.abs(now - known.lastAt) < LATE_MS ? known.count + 1 : 1
    this.#refused.set(code, { count, lastAt: now })
  }

  /** What was refused in the last ten minutes; the code that came last is the first. */
  refusedOfLate(now: number): readonly RefusedOfLate[] {
    return [...(this.#refused ?? [])]
      .map(([code, each]) => ({ code, ...each }))
      .filter(({ lastAt }) => Math.abs(now - lastAt) < LATE_MS)
      .toSorted((one, other) => other.lastAt - one.lastAt)
  }

  #moveTo(window: number): void {
    this.#messagesBefore = window === this.#window + 1 ? this.#messages : 0
    this.#messages = 0
    this.#window = window
  }
}
