import { backoff } from './backoff.ts'
import { createBoundedQueue } from './bounded-queue.ts'
import { createBreaker, type Breaker } from './breaker.ts'
import { systemClock, type CancelTimer, type Clock } from './clock.ts'
import { deadline } from './deadline.ts'
import { emit } from './telemetry.ts'

export interface OutboxOptions<T> {
  /** `analytics`, `monitoring`: named in errors and telemetry. */
  readonly concern: string
  readonly driver: string
  /** Delivers the whole batch or rejects having kept nothing; an error with `retryable: false` drops the batch. */
  send(batch: readonly T[], signal: AbortSignal): Promise<void>
  /** Milliseconds an item waits for others at most. */
  readonly flushIntervalMs: number
  /** Items in one delivery. */
  readonly batchSize: number
  /** Items held while the backend is away. */
  readonly maxQueue: number
  /** Milliseconds for one delivery. */
  readonly timeoutMs: number
  readonly clock?: Clock
  /** Told how many items were lost, and why. */
  readonly onDrop?: ((count: number, reason: string) => void) | undefined
}

export interface OutboxStats {
  readonly accepted: number
  readonly delivered: number
  readonly dropped: number
  readonly queued: number
}

/**
 * Hands items to a backend in the background: bounded, batched, in order, retried with backoff while the backend is
 * away, and with every loss counted. Nothing here throws or rejects.
 */
export interface Outbox<T> {
  readonly breaker: Breaker
  /** Queues an item; false (and a counted drop) when there is no room, or after `close`. */
  push(item: T): boolean
  /** Counts a loss that happened before the queue. */
  drop(count: number, reason: string): void
  stats(): OutboxStats
  /** Resolves when the queue is empty, a delivery failed, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
  /** Flushes, then counts what is left as dropped. Idempotent. */
  close(timeoutMs: number): Promise<void>
}

export function createOutbox<T>(options: OutboxOptions<T>): Outbox<T> {
  const { concern, driver, batchSize, flushIntervalMs, timeoutMs, clock = systemClock, onDrop } = options
  const queue = createBoundedQueue<T>(options.maxQueue)
  const breaker = createBreaker({
    name: `[msc/${concern}] [${driver}]`,
    clock,
    onChange: (state) => emit('driver.breaker', { concern, driver, state }),
  })
  const counts = { accepted: 0, delivered: 0, dropped: 0 }
  let timer: CancelTimer | undefined
  let delivering: Promise<void> | undefined
  let attempt = 0
  let closed = false

  const drop = (count: number, reason: string): void => {
    if (count === 0) return
    counts.dropped += count
    emit('driver.drop', { concern, driver, reason, count })
    try {
      onDrop?.(count, reason)
    } catch {
      // A callback that fails must not lose more.
    }
  }

  const arm = (ms: number): void => {
    if (timer || closed || queue.size === 0) return
    timer = clock.setTimeout(() => {
      timer = undefined
      void deliver()
    }, ms)
  }

  /** Sends until the queue is empty or a delivery fails. Never rejects. */
  const deliver = (): Promise<void> => {
    delivering ??= drain().finally(() => {
      delivering = undefined
      arm(attempt === 0 ? flushIntervalMs : flushIntervalMs + backoff(attempt, { baseMs: 500, maxMs: 30_000 }))
    })
    return delivering
  }

  const drain = async (): Promise<void> => {
    while (queue.size > 0) {
      if (!breaker.tryAcquire()) return
      const batch = queue.take(batchSize)
      try {
        await deadline((signal) => options.send(batch, signal), {
          operation: `[msc/${concern}] [${driver}] send`,
          timeoutMs,
          clock,
        })
        breaker.succeed()
        counts.delivered += batch.length
        attempt = 0
      } catch (error) {
        if ((error as { retryable?: unknown }).retryable === false) {
          // The backend answered, and would say the same again.
          breaker.succeed()
          drop(batch.length, 'refused')
          continue
        }
        breaker.fail()
        attempt += 1
        drop(queue.putBack(batch), 'queue full')
        return
      }
    }
  }

  const self: Outbox<T> = {
    breaker,
    push(item) {
      if (closed || !queue.push(item)) {
        drop(1, closed ? 'closed' : 'queue full')
        return false
      }
      counts.accepted += 1
      if (queue.size >= batchSize && breaker.state === 'closed') void deliver()
      else arm(flushIntervalMs)
      return true
    },
    drop,
    stats: () => ({ ...counts, queued: queue.size }),
    async flush(budget) {
      timer?.()
      timer = undefined
      await deadline(() => deliver(), { operation: `[msc/${concern}] flush`, timeoutMs: budget, clock }).catch(
        () => undefined,
      )
    },
    async close(budget) {
      if (closed) return
      await self.flush(budget)
      closed = true
      timer?.()
      drop(queue.take(Infinity).length, 'closed')
    },
  }
  return self
}
