import { backoff, sleep, withoutScope, type Clock } from '@msc/core'
import { isOutage } from '../outage.ts'

/** Bounds of what waits to be recorded in this process. */
const MOST_WAITING = 1000
const MOST_BYTES = 16_777_216

export interface RecordingContext {
  readonly clock: Clock
  readonly report: (error: unknown, operation: string) => void
}

/** An answer that is to be recorded. */
export interface Recording {
  /** Of what is kept in memory meanwhile. */
  readonly bytes: number
  /** Milliseconds for which it is tried again. */
  readonly budgetMs: number
  /** Stores it, within a deadline of its own. */
  record(): Promise<unknown>
}

/** Records answers, and goes on with it while the database is away. */
export interface Recorder {
  /**
   * Resolves after the first attempt, so that the client gets its answer; the others follow in the background. Reports the first
   * failure, and the last one when it gives up. Never rejects.
   */
  keep(recording: Recording): Promise<void>
  /** How many are tried again. */
  readonly waiting: number
  /** Resolves when none is left, or after `budgetMs` milliseconds. They are tried once more at once, until one fails. */
  close(budgetMs: number): Promise<void>
}

interface Waiting {
  readonly recording: Recording
  /** Monotonic milliseconds. */
  readonly untilMs: number
}

export function createRecorder({ clock, report }: RecordingContext): Recorder {
  const queue = new Set<Waiting>()
  const closing = new AbortController()
  let bytes = 0
  let isWorking = false
  let ended = (): void => undefined
  const drop = (waiting: Waiting): void => {
    if (queue.delete(waiting)) bytes -= waiting.recording.bytes
  }
  /** Returns whether the database answers. */
  const attempt = async (waiting: Waiting): Promise<boolean> => {
    const isLast = closing.signal.aborted || clock.monotonic() >= waiting.untilMs
    try {
      await waiting.recording.record()
      drop(waiting)
      return true
    } catch (error) {
      // The others go first: it may be this one that fails.
      queue.delete(waiting)
      queue.add(waiting)
      if (!isLast && isOutage(error)) return false
      report(error, 'record')
      if (closing.signal.aborted && isLast) for (const each of queue) drop(each)
      drop(waiting)
      return !isOutage(error)
    }
  }
  /** Makes one attempt at a time, however many wait: a database that has just come back has enough to do. */
  const work = async (): Promise<void> => {
    isWorking = true
    for (let failures = 1, [first] = queue; first; [first] = queue) {
      const ms = failures === 0 ? 0 : 100 + backoff(failures, { baseMs: 200, maxMs: 2000 })
      // An abort only ends the wait early.
      await sleep(ms, { clock, signal: closing.signal }).catch(() => {})
      failures = (await attempt(first)) ? 0 : failures + 1
    }
    isWorking = false
    ended()
  }
  return {
    async keep(recording) {
      try {
        await recording.record()
      } catch (error) {
        report(error, 'record')
        const isFull = queue.size >= MOST_WAITING || bytes + recording.bytes > MOST_BYTES
        if (closing.signal.aborted || isFull || !isOutage(error)) return
        bytes += recording.bytes
        queue.add({ recording, untilMs: clock.monotonic() + recording.budgetMs })
        if (!isWorking) void withoutScope(work)
      }
    },
    get waiting() {
      return queue.size
    },
    close(budgetMs) {
      closing.abort(new Error('The memory of requests closes.'))
      return new Promise((resolve) => {
        if (!isWorking) return resolve()
        const cancel = clock.setTimeout(resolve, budgetMs, { keepAlive: true })
        ended = () => {
          cancel()
          resolve()
        }
      })
    },
  }
}
