import type { Clock } from '@msc/core'
import type { FeedKeeping } from '../../feed/keeping.ts'
import type { HistoryStore } from './store.ts'

/**
 * Keeps messages in the outbox of the feeds, which hands them on by itself once they are committed: on every server, in one
 * order. They go when the feeds' rows do.
 */
export const createDatabaseStore = (feeds: FeedKeeping, clock: Clock): HistoryStore => ({
  append: async (messages) => (await feeds.append(messages)).map((id) => ({ id })),
  since: (topic, isPrivate, after, max) => feeds.keptSince(topic, isPrivate, after, max),
  latest: (topic, isPrivate, wish) => feeds.latest(topic, isPrivate, wish),
  find: (topic, isPrivate, id, sinceMs) => feeds.find(topic, isPrivate, id, sinceMs),
  act: async (action) => ({ outcome: await feeds.act(action, clock.now() - action.keeping.keepMs) }),
  close() {},
})
