import type { CancelTimer, Clock } from '@msc/core'

export interface Pace {
  /** Resolves when it has been done; at once where it has to wait for its turn, in which the latest one takes the place of others. */
  run(work: () => Promise<void>): Promise<void>
  /** What waits is not done any more. */
  close(): void
}

/** Does `most` things in `windowMs` at most, as a service wants it that shuts out whoever does more. */
export function createPace(most: number, windowMs: number, clock: Clock): Pace {
  const times: number[] = []
  let waiting: (() => Promise<void>) | undefined
  let cancel: CancelTimer | undefined
  const waitMs = (): number => {
    const now = clock.monotonic()
    while (times.length > 0 && (times[0] as number) + windowMs <= now) times.shift()
    return times.length < most ? 0 : (times[0] as number) + windowMs - now
  }
  const begin = (work: () => Promise<void>): Promise<void> => {
    times.push(clock.monotonic())
    return work()
  }
  return {
    async run(work) {
      const ms = waitMs()
      if (ms === 0) return begin(work)
      waiting = work
      cancel ??= clock.setTimeout(() => {
        cancel = undefined
        const next = waiting
        waiting = undefined
        // Nobody waits for it; where the connection is lost, it is said anew.
        if (next) void begin(next).catch(() => undefined)
      }, ms)
    },
    close() {
      cancel?.()
      waiting = undefined
    },
  }
}
