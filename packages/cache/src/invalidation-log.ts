import { randomHex, withoutScope, type CancelTimer, type Clock } from '@msc/core'
import type { LogAppend, LogPage } from './coordination.ts'
import type { GuardedCoordination } from './guarded-coordination.ts'
import { literalPrefix } from './glob.ts'
import type { Keyspace } from './keyspace.ts'
import { formatInvalidation, parseInvalidation, type Invalidation } from './messages.ts'

export interface InvalidationLogOptions {
  readonly coordination: GuardedCoordination
  readonly keys: Keyspace
  readonly clock: Clock
  /** Milliseconds between two looks at the log. */
  readonly pollMs: number
  readonly onInvalidation: (what: Invalidation) => void
  /** Something was missed that nobody can name: drop everything. */
  readonly onGap: () => void
  /** Told of what fails behind the scenes. */
  readonly onError: (operation: string, error: unknown) => void
}

/** What changes in the store together with the record of it. */
type Changes = Pick<LogAppend, 'set' | 'delete' | 'revoke'>

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
  /**
   * Makes the changes and writes `what` into the log, in one step. Returns how many keys were deleted.
   *
   * @throws when the store is away.
   */
  append(what: Invalidation, changes?: Changes): Promise<number>
  close(): Promise<void>
}

/** Looks without a question about `current` between them, after which the log is left alone. */
const IDLE_LOOKS = 25
/** Whoever has missed more than this drops everything that it holds. */
const KEEP_RECORDS = 1000
const KEEP_MS = 7 * 86_400_000

export function createInvalidationLog(options: InvalidationLogOptions): InvalidationLog {
  const { coordination, keys, clock, pollMs, onInvalidation, onGap, onError } = options
  const origin = randomHex(8)
  let position: string | undefined
  let readAt = -Infinity
  let timer: CancelTimer | undefined
  let stopListening: Promise<(() => Promise<void>) | undefined> | undefined
  let reading: Promise<void> | undefined
  let again = false
  let closed = false
  let following = false
  let idleLooks = 0

  const apply = ({ position: end, records }: LogPage): void => {
    const known = position
    position = end
    // Nothing is trusted before the first look, so nothing is held that could be out of date.
    if (known === undefined) return
    if (records === 'gap') return onGap()
    for (const record of records) {
      const message = parseInvalidation(record, keys.nameOf)
      if (!message) onGap()
      else if (message.origin !== origin) onInvalidation(message.what)
    }
  }

  const look = async (): Promise<void> => {
    const from = clock.monotonic()
    try {
      apply(await coordination.readSince(keys.log, position))
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

  /** A driver that can not listen costs the hints, not the reads: the log is looked at all the same. */
  const listen = (): void => {
    stopListening ??= Promise.resolve()
      .then(() =>
        coordination.listen?.(keys.log, () => {
          // Heard in whichever unit the driver calls back.
          if (following) withoutScope(read)
        }),
      )
      .catch((error: unknown) => {
        onError('listen', error)
        return undefined
      })
  }

  const follow = (): void => {
    following = true
    // Both go on for longer than the request that asks first.
    withoutScope(() => {
      listen()
      read()
    })
  }

  return {
    get current() {
      idleLooks = 0
      if (!following && !closed) follow()
      // Two looks may be late; who sees less than that must ask the store.
      return clock.monotonic() - readAt < pollMs * 2
    },
    append: (what, changes) =>
      coordination.append(keys.log, {
        ...changes,
        message: formatInvalidation(origin, what),
        // The keys themselves are deleted one by one, by whoever invalidates the pattern.
        ...('pattern' in what && { prefix: keys.value(literalPrefix(what.pattern)) }),
        keepRecords: KEEP_RECORDS,
        keepMs: KEEP_MS,
      }),
    async close() {
      closed = true
      timer?.()
      const stop = await stopListening
      if (typeof stop === 'function') await stop()
      await reading
    },
  }
}
