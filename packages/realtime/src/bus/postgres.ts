import { DriverError, closedError, systemClock } from '@msc/core'
import { assertClient, listen, postgresFailure, queryOn, type PostgresClient } from '@msc/core/postgres'
import type { RealtimeBus } from './bus.ts'
import { publishing, type BusPublisher, type PublisherOptions } from './publisher.ts'
import { MAX_TEXT_BYTES, createCutter, createJoiner } from './pieces.ts'

export interface PostgresBusOptions extends PublisherOptions {
  /** A pool of `pg`, of which it keeps one connection, or PGlite. `close()` leaves it open. */
  readonly client: PostgresClient
  /** The same for all servers of an application. Default `msc_realtime`. */
  readonly channel?: string
}

/** One statement is one transaction, whose notifications come together and in order. */
const SEND = 'select pg_notify($1, u.piece) from unnest($2::text[]) with ordinality as u(piece, n) order by u.n'

/**
 * A bus over Postgres' notifications: nothing to install where there is a database. Needs a direct address, as a transaction
 * pooler delivers no notifications.
 *
 * @throws ConfigError for a client that is none. `start` throws DriverError `POSTGRES_POOLED` behind a transaction pooler.
 */
export function postgresBus({
  client,
  channel = 'msc_realtime',
  clock = systemClock,
  jwtSecret,
}: PostgresBusOptions): RealtimeBus & BusPublisher {
  assertClient('realtime', client)
  const cut = createCutter()
  const joiner = createJoiner()
  let stop: (() => Promise<void>) | undefined
  let isHearing = false
  let closed = false
  const query = async (text: string, values: unknown[], signal: AbortSignal): Promise<void> => {
    if (closed) throw closedError('postgres')
    try {
      await queryOn(client, text, values, signal)
    } catch (error) {
      throw signal.aborted ? error : postgresFailure(error)
    }
  }
  const bus: RealtimeBus = {
    specificationVersion: 1,
    name: 'postgres',
    async start({ onMessage, onGap, onError }) {
      if (closed) throw closedError('postgres')
      let started = false
      const stopping = await listen(client, channel, {
        name: '[msc/realtime] bus',
        onNotice(piece) {
          const text = joiner.take(piece)
          if (text !== undefined) onMessage(text)
        },
        onListening() {
          joiner.reset()
          isHearing = true
          if (started) onGap()
        },
        onError(error) {
          isHearing = false
          onError(error)
        },
        clock,
      })
      started = true
      // It may have been closed meanwhile.
      if (closed) return stopping()
      stop = stopping
    },
    async send(text, signal) {
      if (text.length > MAX_TEXT_BYTES / 3) {
        throw new DriverError('postgres', 'The text is too large to be sent.', {
          code: 'REALTIME_BUS_TOO_LARGE',
          hint: 'Publish less at once: a message between servers has at most 5 MB.',
          retryable: false,
        })
      }
      await query(SEND, [channel, cut(text)], signal)
    },
    async health(signal) {
      await query('select 1', [], signal)
      if (stop && !isHearing) throw deaf()
    },
    async close() {
      closed = true
      await stop?.()
      stop = undefined
    },
  }
  return publishing(bus, { clock, ...(jwtSecret !== undefined && { jwtSecret }) })
}

function deaf(): DriverError {
  return new DriverError('postgres', 'It does not hear notifications at the moment.', {
    code: 'REALTIME_BUS_DEAF',
    hint: 'It listens again by itself when the database lets it; see the error that was reported.',
    retryable: true,
  })
}
