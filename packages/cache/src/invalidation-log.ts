import { randomHex, type CancelTimer, type Clock } from '@msc/core'
import type { CacheDriver } from './driver.ts'
import { formatInvalidation, parseInvalidation, type Invalidation } from './messages.ts'
import type { Keyspace } from './keyspace.ts'
import type { RunScript, ScriptName } from './run-script.ts'

export interface InvalidationLogOptions {
  readonly driver: CacheDriver
  readonly run: RunScript
  readonly keys: Keyspace
  readonly clock: Clock
  /** Milliseconds between two looks at the log. */
  readonly pollMs: number
  readonly onInvalidation: (what: Invalidation) => void
  /** Something was missed that nobody can name: drop everything. */
  readonly onGap: () => void
}

/**
 * What other processes have invalidated. The log is the truth, and is read again after every outage, so nothing is
 * missed; where the driver can hear of a publication, it is read at once. Nobody reads it while nobody asks.
 */
export interface InvalidationLog {
  /**
   * Was the log read to its end a moment ago? What is held near may be served only then. Asking begins to follow the
   * log, and keeps it followed.
   */
  readonly current: boolean
  /** Runs a script that writes `what` into the log. @throws when the store is away. */
  append(script: ScriptName, what: Invalidation, on: readonly string[], args: readonly string[]): Promise<unknown>
  close(): Promise<void>
}

/** Looks without a question about `current` between them, after which the log is left alone. */
const IDLE_LOOKS = 25
/** Larger than any sequence: the first look only asks where the log ends. */
const NOWHERE = String(2 ** 53)

export function createInvalidationLog(options: InvalidationLogOptions): InvalidationLog {
  const { driver, run, keys, clock, pollMs, onInvalidation, onGap } = options
  const origin = randomHex(8)
  let sequence: number | undefined
  let readAt = -Infinity
  let timer: CancelTimer | undefined
  let stopListening: (() => Promise<void>) | undefined
  let reading: Promise<void> | undefined
  let again = false
  let closed = false
  let following = false
  let idleLooks = 0

  const apply = (seq: number, messages: unknown): void => {
    const known = sequence
    sequence = seq
    // Nothing is trusted before the first look, so nothing is held that could be out of date.
    if (known === undefined) return
    if (!Array.isArray(messages)) return onGap()
    for (const text of messages.toReversed()) {
      const message = typeof text === 'string' ? parseInvalidation(text) : undefined
      if (!message) onGap()
      else if (message.origin !== origin) onInvalidation(message.what)
    }
  }

  const look = async (): Promise<void> => {
    const from = clock.monotonic()
    try {
      const answer = await run(
        'READ_LOG',
        [keys.sequence, keys.log],
        [sequence === undefined ? NOWHERE : String(sequence)],
      )
      const [seq, messages] = answer as [unknown, unknown]
      if (typeof seq !== 'number') throw new TypeError('not a sequence')
      apply(seq, messages)
      // As of when it was asked, not answered.
      readAt = from
    } catch {
      // Not current any more once the last look is too old; the next one catches up.
    }
  }

  const read = (): void => {
    if (closed) return
    if (reading) {
      again = true
      return
    }
    timer?.()
    timer = undefined
    reading = look().finally(() => {
      reading = undefined
      if (closed) return
      if (again) {
        again = false
        read()
        return
      }
      idleLooks += 1
      if (idleLooks > IDLE_LOOKS) following = false
      else timer = clock.setTimeout(read, pollMs)
    })
  }

  const follow = (): void => {
    following = true
    stopListening ??= driver.listen?.(keys.sequence, () => {
      if (following) read()
    })
    read()
  }

  return {
    get current() {
      idleLooks = 0
      if (!following && !closed) follow()
      // Two looks may be late; who sees less than that must ask the store.
      return clock.monotonic() - readAt < pollMs * 2
    },
    append: (script, what, on, args) =>
      run(script, [keys.sequence, keys.log, ...on], [formatInvalidation(origin, what), ...args]),
    async close() {
      closed = true
      timer?.()
      await stopListening?.()
      await reading
    },
  }
}
