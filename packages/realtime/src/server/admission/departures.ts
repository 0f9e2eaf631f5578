import { FEED } from '../../feed/feed-topic.ts'
import type { FeedMessage } from '../../feed/message.ts'
import { closeMembership, crashMembership } from '../rooms/membership.ts'
import type { Rooms } from '../rooms/rooms.ts'

/** Whoever the database says may read a feed no more. */
export interface Departures {
  /** Sends them away: those who are there, and those who are being let in, for whom the policies may have been asked before. */
  take(message: Pick<FeedMessage, 'topic' | 'payload'>): void
  /**
   * Who was taken out is not known any more: nobody in a feed stays, or is being let in, without being asked again. They are told as
   * of a crashed channel, upon which clients join again.
   */
  askAll(): void
  /**
   * Watches while the policies are asked whether one user may join. `over` ends it, and says whether they `left` meanwhile, as they
   * were told to leave one of the topics, or that it is `unsure` whether they were: the policies have to be asked again.
   */
  watch(topics: readonly string[], user: string | undefined): { over(): Departure | undefined }
}

type Departure = 'left' | 'unsure'

interface Watched {
  readonly topics: readonly string[]
  readonly user: string | undefined
  departure?: Departure
}

export const NO_READER_TEXT = 'You may not read this feed any more'

export function createDepartures(rooms: Rooms): Departures {
  const watched = new Set<Watched>()
  return {
    take({ topic, payload }) {
      const user = typeof payload['user'] === 'string' ? payload['user'] : undefined
      const isIn = (name: string): boolean => (user === undefined ? name.startsWith(topic) : name === topic)
      const isMeant = (sub: string | undefined): boolean => user === undefined || sub === user
      for (const each of watched) if (isMeant(each.user) && each.topics.some(isIn)) each.departure = 'left'
      for (const name of user === undefined ? rooms.topicsFrom(topic, true) : [topic]) {
        for (const membership of rooms.members(name, true)) {
          if (!isMeant(membership.claims.sub)) continue
          rooms.runtime.attempt('send a member away', () => closeMembership(membership, NO_READER_TEXT, rooms))
        }
      }
    },
    askAll() {
      for (const each of watched) if (each.topics.some((name) => name.startsWith(FEED))) each.departure ??= 'unsure'
      for (const name of rooms.topicsFrom(FEED, true)) {
        for (const membership of rooms.members(name, true)) {
          rooms.runtime.attempt('send a member away', () => crashMembership(membership, rooms))
        }
      }
    },
    watch(topics, user) {
      const own: Watched = { topics, user }
      watched.add(own)
      return {
        over() {
          watched.delete(own)
          return own.departure
        },
      }
    },
  }
}
