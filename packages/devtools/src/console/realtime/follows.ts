import { every, reportFailure, systemClock, type CancelTimer, type Clock } from '@msc/core'
import type { RealtimeMessage, RealtimePort } from './port.ts'
import type { RoomName } from './topic.ts'

/** What was sent to a room since it is followed. */
export interface Follow {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The last hundred, the latest first. */
  readonly messages: readonly RealtimeMessage[]
  /** How many there were, with those that are not here any more and those that were too many. */
  readonly count: number
  readonly dropped: number
}

/**
 * Pages without a script can't hear anything, so the console follows a room for them from one load to the next. It ends half a
 * minute after the last look.
 */
export interface Follows {
  /** Begins to follow a room, or goes on. @throws What the server's `follow` throws. */
  look(port: RealtimePort, room: RoomName): Follow
}

const MAX_FOLLOWS = 20
const MAX_MESSAGES = 100
const KEPT_MS = 30_000
const SWEEP_MS = 5000

interface Followed {
  readonly port: RealtimePort
  readonly startedAt: number
  readonly messages: RealtimeMessage[]
  count: number
  dropped: number
  /** Monotonic milliseconds. */
  lookedAt: number
  stop(): void
}

export function createFollows(clock: Clock = systemClock): Follows {
  /** The one that was looked at last is the last. */
  const all = new Map<string, Followed>()
  let stopSweeping: CancelTimer | undefined

  const end = (key: string, followed: Followed): void => {
    all.delete(key)
    try {
      followed.stop()
    } catch (error) {
      reportFailure(error, { concern: 'devtools', operation: 'stop following' })
    }
    if (all.size > 0) return
    stopSweeping?.()
    stopSweeping = undefined
  }
  const sweep = (): void => {
    const before = clock.monotonic() - KEPT_MS
    for (const [key, followed] of all) if (followed.lookedAt < before) end(key, followed)
  }
  const begin = (port: RealtimePort, { topic, private: isPrivate }: RoomName): Followed => {
    const followed: Followed = {
      port,
      startedAt: clock.now(),
      messages: [],
      count: 0,
      dropped: 0,
      lookedAt: clock.monotonic(),
      stop: () => undefined,
    }
    followed.stop = port.inspect().follow(topic, isPrivate, (message) => {
      followed.count += 1 + message.dropped
      followed.dropped += message.dropped
      followed.messages.unshift(message)
      followed.messages.length = Math.min(followed.messages.length, MAX_MESSAGES)
    })
    return followed
  }

  return {
    look(port, room) {
      const key = JSON.stringify([room.private, room.topic])
      const known = all.get(key)
      // The server was made anew, as hot reload does.
      if (known && known.port !== port) end(key, known)
      const [oldest] = all
      if (!all.has(key) && all.size >= MAX_FOLLOWS && oldest) end(...oldest)
      const followed = all.get(key) ?? begin(port, room)
      followed.lookedAt = clock.monotonic()
      all.delete(key)
      all.set(key, followed)
      stopSweeping ??= every(SWEEP_MS, sweep, {
        clock,
        onError: (error) => reportFailure(error, { concern: 'devtools', operation: 'stop following' }),
      })
      const { startedAt, messages, count, dropped } = followed
      return { startedAt, messages: [...messages], count, dropped }
    },
  }
}
