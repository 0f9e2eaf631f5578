import type { FeedStats } from '../../feed/source.ts'
import type { BusStats } from '../bus/link.ts'
import type { Counted, RefusedCode } from '../counters.ts'
import type { TransportName } from '../entrance/connection.ts'
import type { ServerHealth } from './health.ts'

/** What is kept of channels in this process; in a database it is part of the outbox. */
export interface HistoryStats {
  readonly topics: number
  readonly messages: number
  /** Characters of JSON, and what a message weighs beside it. */
  readonly bytes: number
}

/** What is counted is counted since the server was made. */
export interface RealtimeStats extends Counted {
  readonly connections: number
  readonly connectionsBy: Readonly<Record<TransportName, number>>
  readonly rooms: number
  /** Connections in rooms: one that is in two counts twice. */
  readonly members: number
  /** Frames that were refused by a limit, or are none. */
  readonly dropped: number
  /** Of messages that wait in rooms for the ones before them. */
  readonly waitingBytes: number
  /** What was refused or dropped, by reason; what never happened is absent. */
  readonly refused: Readonly<Partial<Record<RefusedCode, number>>>
  readonly health: ServerHealth
  /** How the feeds are doing, where there are any. */
  readonly feeds?: FeedStats
  /** Absent without a bus. */
  readonly bus?: BusStats
  /** Absent where nothing is kept in this process. */
  readonly history?: HistoryStats
}
