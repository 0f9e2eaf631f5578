import { assertNumbers, deadline, systemClock, type Clock } from '@msc/core'
import { assertClient, queryOn, type PostgresClient } from '@msc/core/postgres'
import { isCursor } from '../feed/position.ts'

export interface FeedPositionOptions {
  /** Milliseconds. Default 10 s. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/**
 * Where the feeds of this database are now: for a page that is rendered with rows, whose client goes on from there (`from`). Ask
 * before the rows are read: what is committed in between is then in the rows, and comes once more. It names transactions and no
 * row, so everybody may see it.
 *
 * @throws DeadlineError, or what the database says, when it is away; ConfigError `OPTION_INVALID` for what is no client.
 */
export async function feedPosition(client: PostgresClient, options: FeedPositionOptions = {}): Promise<string> {
  assertNumbers('realtime', options, { timeoutMs: 1 })
  assertClient('realtime', client)
  const { timeoutMs = 10_000, clock = systemClock } = options
  const ask = (signal: AbortSignal): Promise<unknown[]> => queryOn(client, NOW, [], signal)
  const [row] = (await deadline(ask, { operation: '[msc/realtime] feed position', timeoutMs, clock })) as {
    readonly cursor?: unknown
  }[]
  if (!isCursor(row?.cursor)) throw new Error('[msc/realtime] The database answered with something else.')
  return row.cursor
}

const NOW = 'select cursor from msc_feed.unheard(null, null, 0)'
