/**
 * What the console needs of a realtime server. `createRealtimeServer` of `@msc/realtime/server` makes one; anything with these
 * methods will do.
 */
export interface RealtimePort {
  inspect(): RealtimeInspection
  /** @returns How many members of this server were sent away. */
  kick(
    kicked: { readonly topic: string; readonly private?: boolean; readonly sub?: string; readonly forMs?: number },
    reason?: string,
  ): number
}

/** What an operator can see of a realtime server: no token, and no full session id. */
export interface RealtimeInspection {
  totals(): RealtimeTotals
  /** A page of the rooms, those with the most members first. `after`: `next` of the page before. */
  rooms(query: { readonly search?: string; readonly limit?: number; readonly after?: string }): Promise<RealtimeRooms>
  /** A room, with a page of its members. A room where nobody is has none. */
  room(
    topic: string,
    isPrivate: boolean,
    query: { readonly limit?: number; readonly after?: number },
  ): RealtimeRoom & RealtimeMembers
  /**
   * Calls with what is sent to a room from now on, bounded in its rate.
   *
   * @returns What ends it. @throws Error when too many are followed.
   */
  follow(topic: string, isPrivate: boolean, handler: (message: RealtimeMessage) => void): () => void
}

export interface RealtimeTotals {
  readonly stats: {
    readonly connections: number
    readonly connectionsBy: Readonly<Record<string, number>>
    readonly rooms: number
    readonly members: number
    readonly waitingBytes: number
    readonly refused: Readonly<Partial<Record<string, number>>>
    readonly health: { readonly status: 'ok' | 'degraded'; readonly reasons: readonly string[] }
    readonly feeds?: {
      readonly mode: string
      readonly waiting: number
      readonly lagMs?: number
      readonly outbox?: { readonly rows: number; readonly bytes: number }
    }
    readonly bus?: {
      readonly name: string
      readonly others: number
      readonly waiting: number
      readonly dropped: number
      readonly failing: boolean
    }
    readonly history?: { readonly topics: number; readonly messages: number; readonly bytes: number }
  }
  readonly perSecond: Readonly<Record<'joins' | 'leaves' | 'broadcasts' | 'deliveries' | 'refused', number>>
}

export interface RealtimeRoom {
  readonly topic: string
  readonly private: boolean
  readonly members: number
  readonly users: number
  readonly present: number
  readonly messagesPerSecond: number
  readonly waitingBytes: number
  readonly kept?: 'feed' | 'history'
}

export interface RealtimeRooms {
  readonly rooms: readonly RealtimeRoom[]
  readonly total: number
  readonly next?: string
}

export interface RealtimeMember {
  readonly sub?: string
  /** The first characters of it. */
  readonly session?: string
  readonly transport: string
  readonly joinedAt: number
  readonly presenceKey?: string
}

export interface RealtimeMembers {
  readonly list: readonly RealtimeMember[]
  readonly next?: number
  readonly refusedOfLate: readonly { readonly code: string; readonly count: number; readonly lastAt: number }[]
}

export interface RealtimeMessage {
  readonly at: number
  readonly event: string
  readonly bytes: number
  /** Absent for bytes. Not redacted, and possibly cut. */
  readonly text?: string
  readonly isCut: boolean
  /** Messages before this one that were not shown. */
  readonly dropped: number
}
