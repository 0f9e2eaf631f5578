import type { FeedSource } from '../../feed/source.ts'
import { broadcastHere } from '../rooms/broadcast.ts'
import type { Rooms } from '../rooms/rooms.ts'
import { createDatabaseStore } from './database-store.ts'
import { createHistory, toldOf, type History } from './history.ts'
import { createMemoryStore } from './memory-store.ts'
import { keepingBy, type HistoryRule } from './rules.ts'

/** In the database where there are feeds, for all servers and beyond a restart; else in this process. */
export function historyFrom(
  rules: readonly HistoryRule[] | undefined,
  feeds: FeedSource | undefined,
  rooms: Rooms,
): History | undefined {
  if (rules === undefined) return undefined
  const { clock, report } = rooms.runtime
  const keepingOf = keepingBy(rules, report)
  const { keeping } = feeds ?? {}
  const store = keeping
    ? createDatabaseStore(keeping, clock)
    : createMemoryStore({
        clock,
        report,
        onAction: (action, meta) => broadcastHere(rooms, toldOf(action, meta)),
      })
  return createHistory(keepingOf, store, rooms, keeping !== undefined)
}
