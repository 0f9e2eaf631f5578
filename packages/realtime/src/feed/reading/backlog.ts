import type { Clock } from '@msc/core'

/** Ids that wait to be read; with more than that, everything from the position on is read instead. */
const MAX_WAITING = 50_000

/**
 * What was announced and is not read yet, and whether something may have been written of which nothing was announced. Nothing is
 * taken off before it was handed on, so a database that is away loses nothing.
 */
export class Backlog {
  readonly #clock: Clock
  #ids: string[] = []
  readonly #waiting = new Set<string>()
  /** When each of these came, in monotonic milliseconds. */
  #arrivals: number[] = []
  #hasMissed = false
  /** Since when, until all of it has been read. */
  #missedAt: number | undefined
  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#ids.length
  }
  /** All from the position on has to be read, before what was announced: the position would pass it. */
  get hasMissed(): boolean {
    return this.#hasMissed
  }
  get hasWork(): boolean {
    return this.#hasMissed || this.#ids.length > 0
  }
  /** Milliseconds for which the first of all this has waited. */
  get lagMs(): number {
    const since = Math.min(this.#missedAt ?? Infinity, this.#arrivals[0] ?? Infinity)
    return Number.isFinite(since) ? Math.max(0, this.#clock.monotonic() - since) : 0
  }

  /** One that waits already is read once. */
  add(id: string): void {
    if (this.#waiting.has(id)) return
    if (this.#ids.length < MAX_WAITING) {
      this.#ids.push(id)
      this.#waiting.add(id)
      this.#arrivals.push(this.#clock.monotonic())
      return
    }
    this.miss(this.#arrivals[0])
    this.#ids = []
    this.#waiting.clear()
    this.#arrivals = []
  }
  first(max: number): readonly string[] {
    return this.#ids.slice(0, max)
  }
  /** The first of what was announced have been handed on. */
  drop(count: number): void {
    for (const id of this.#ids.splice(0, count)) this.#waiting.delete(id)
    this.#arrivals.splice(0, count)
  }
  miss(since: number = this.#clock.monotonic()): void {
    this.#missedAt ??= since
    this.#hasMissed = true
  }
  /** Reads what was missed. What is missed meanwhile is read the next time, and so is all of it when this fails. */
  async recover(read: () => Promise<void>): Promise<void> {
    this.#hasMissed = false
    try {
      await read()
    } catch (error) {
      this.#hasMissed = true
      throw error
    }
    if (!this.hasMissed) this.#missedAt = undefined
  }
}
