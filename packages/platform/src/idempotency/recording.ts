import { backoff, sleep, toError, withoutScope, type Clock } from '@msc/core'
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
  /** Called once, when it is recorded or given up. */
  done(): void
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
  /** Resolves when none is left, or after `budgetMs` milliseconds. Each is tried once more at once, and given up if that fails. */
  close(budgetMs: number): Promise<void>
}

export function createRecorder({ clock, report }: RecordingContext): Recorder {
  const background = new Map<Recording, Promise<void>>()
  const closing = new AbortController()
  let bytes = 0
  const goOn = async (recording: Recording): Promise<void> => {
    const until = clock.monotonic() + recording.budgetMs
    for (let failures = 0; ; failures++) {
      // An abort only ends the wait early.
      await sleep(100 + backoff(failures, { baseMs: 200, maxMs: 2000 }), { clock, signal: closing.signal }).catch(
        () => {},
      )
      const isLast = closing.signal.aborted || clock.monotonic() >= until
      try {
        await recording.record()
        return
      } catch (error) {
        if (!isLast && isOutage(error)) continue
        report(error, 'record')
        return
      }
    }
  }
  return {
    async keep(recording) {
      try {
        await recording.record()
        recording.done()
        return
      } catch (error) {
        report(error, 'record')
        const isFull = background.size >= MOST_WAITING || bytes + recording.bytes > MOST_BYTES
        if (closing.signal.aborted || isFull || !isOutage(error)) return recording.done()
      }
      bytes += recording.bytes
      const end = (): void => {
        background.delete(recording)
        bytes -= recording.bytes
        recording.done()
      }
      const going = withoutScope(() => goOn(recording)).then(end, end)
      background.set(recording, going)
    },
    get waiting() {
      return background.size
    },
    async close(budgetMs) {
      closing.abort(new Error('The memory of requests closes.'))
      const timeUp = new AbortController()
      await Promise.race([
        Promise.all(background.values()),
        sleep(budgetMs, { clock, keepAlive: true, signal: timeUp.signal }).catch(() => {}),
      ])
      timeUp.abort(toError('All have ended.'))
    },
  }
}
