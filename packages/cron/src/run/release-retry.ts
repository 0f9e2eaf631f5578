import { backoff, withoutScope, type CancelTimer, type Clock } from '@msc/core'
import type { PendingRelease, PendingReleases } from './pending-releases.ts'

export interface ReleaseRetryOptions {
  readonly pending: PendingReleases
  /** Sends one release to the store. */
  readonly release: (key: string, token: string) => Promise<void>
  readonly clock: Clock
  /** When it aborts, the timer is cancelled and no new one is set. */
  readonly closed: AbortSignal
  readonly random: () => number
}

/** Retries pending releases with backoff. A timer runs only while a release is pending. */
export interface ReleaseRetry {
  /** Sends one pending release now. Rejects when the store does. */
  attempt(release: PendingRelease): Promise<void>
  /** Sends all of them now. Never rejects. */
  attemptAll(): Promise<void>
  /** Sets the timer of the next attempt, unless one is set or under way. */
  schedule(): void
  /** The token owns nothing any more; with the last one, the timer is cancelled. */
  done(token: string): void
}

const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 30_000

export function createReleaseRetry(options: ReleaseRetryOptions): ReleaseRetry {
  const { pending, release, clock, closed, random } = options
  let cancelTimer: CancelTimer | undefined
  let isRetrying = false
  let attempts = 0

  const stop = (): void => {
    cancelTimer?.()
    cancelTimer = undefined
    attempts = 0
  }
  const done = (token: string): void => {
    pending.remove(token)
    if (pending.size === 0) stop()
  }
  const attempt = async ({ key, token, granted }: PendingRelease): Promise<void> => {
    await release(key, token)
    if (granted) done(token)
  }
  const attemptAll = async (): Promise<void> => {
    await Promise.allSettled(pending.of().map(attempt))
  }
  const retry = async (): Promise<void> => {
    cancelTimer = undefined
    isRetrying = true
    await attemptAll()
    isRetrying = false
    schedule()
  }
  /** This ends without a success too: a pending release is dropped when its lease is over. */
  const schedule = (): void => {
    if (pending.size === 0) return stop()
    if (cancelTimer || isRetrying || closed.aborted) return
    const waitMs = FIRST_RETRY_MS / 2 + backoff(attempts++, { baseMs: FIRST_RETRY_MS, maxMs: MAX_RETRY_MS, random })
    // The timer belongs to the engine: it must not keep the scope of the run that happened to set it.
    cancelTimer = withoutScope(() => clock.setTimeout(() => void retry(), waitMs))
  }
  closed.addEventListener('abort', stop, { once: true })

  return { attempt, attemptAll, schedule, done }
}
