import { FEED } from '../../feed/feed-topic.ts'
import type { FeedSource } from '../../feed/source.ts'
import type { Bans } from '../admission/bans.ts'
import type { History } from '../history/history.ts'
import type { Departures } from '../admission/departures.ts'
import type { Limits } from '../admission/limits.ts'
import type { Liveness } from '../admission/liveness.ts'
import type { Ask } from '../policies/permissions.ts'
import type { Occupancies } from '../rooms/occupancy.ts'
import type { Rooms } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'
import type { KeyRule } from './presence-key.ts'

export interface SessionContext {
  readonly rooms: Rooms
  readonly jwtSecret: string
  readonly limits: Limits
  readonly privateOnly: boolean
  readonly presenceKey: KeyRule
  readonly feeds: FeedSource | undefined
  /** Of channels; absent where nothing of them is kept. */
  readonly history?: History | undefined
  /** Resolves when the feeds are listened to. */
  ready(): Promise<void>
  /** Over how many milliseconds clients should come back if this server were gone now. */
  spreadMs(): number
  readonly ask: Ask
  readonly liveness: Liveness
  /** Who may not come back into a topic yet. */
  readonly bans: Bans
  /** Who was taken out of a feed's readers. */
  readonly departures: Departures
  readonly occupancies: Occupancies
  readonly runtime: Runtime
}

export const isFeedTopic = (topic: string): boolean => topic.startsWith(FEED)

/** The database's own: those of feeds, and those in which the outbox says something to many of them. Nobody else's are kept. */
export const isReserved = (topic: string): boolean => /^feed[:!]/.test(topic)
