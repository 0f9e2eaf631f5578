import { assertMethods, assertNumbers, deadline } from '@msc/core'
import type { FeedSource, FeedStats } from '../../feed/source.ts'
import type { Link } from '../bus/link.ts'
import { assertKnown, type Names } from '../assert-known.ts'
import type { Clients } from '../entrance/clients.ts'
import type { OpenCall } from '../http/handle-http.ts'
import type { History } from '../history/history.ts'
import type { Rooms } from '../rooms/rooms.ts'
import { judgeHealth } from './health.ts'
import { createInspection, type Inspection } from './inspect.ts'
import { metricsText, METRICS_TYPES } from './metrics-text.ts'
import { createSampling } from './sampling.ts'
import type { RealtimeStats } from './stats.ts'

export type { Inspection } from './inspect.ts'

export interface MetricsOptions {
  /**
   * May this request read `GET <path>/metrics`, beside the service role's token? A rejection, and no answer within 2 s, count as
   * no. Default: nobody else may.
   */
  readonly allow?: (request: Request) => boolean | Promise<boolean>
  /** Milliseconds between two samples, which telemetry gets and rates are made of. Default 10 000. */
  readonly sampleMs?: number
}

interface OperatePorts {
  readonly clients: Clients
  readonly rooms: Rooms
  readonly feeds: FeedSource | undefined
  readonly history: History | undefined
  readonly link: Link | undefined
  readonly options: MetricsOptions | undefined
}

/** What whoever operates a server sees of it. */
export interface Operating {
  readonly inspection: Inspection
  stats(): RealtimeStats
  answerHealth(): Response
  answerMetrics(call: OpenCall): Response
  mayReadMetrics(request: Request): Promise<boolean>
  close(): void
}

const ALLOW_MS = 2000

/** @throws ConfigError `OPTION_INVALID` for an `allow` that is no function, and a `sampleMs` that is no number. */
export function assertMetrics(options: MetricsOptions): void {
  assertMethods('realtime', 'metrics', options, [], ['allow'])
  assertKnown(options, { allow: true, sampleMs: true } satisfies Names<MetricsOptions>, 'metrics')
  assertNumbers('realtime', options, { sampleMs: 1 }, 'metrics')
}

export function operate({ clients, rooms, feeds, history, link, options = {} }: OperatePorts): Operating {
  const { clock, counters, report } = rooms.runtime
  const { allow, sampleMs = 10_000 } = options
  /** A source may be the application's own. What it throws must not cost the rest. */
  const statsOf = (source: FeedSource | undefined): FeedStats | undefined => {
    try {
      return source?.stats?.()
    } catch (error) {
      report(error, 'ask the feeds how they are doing')
      return undefined
    }
  }
  const stats = (): RealtimeStats => {
    const { joins, leaves, broadcasts, deliveries, kicked, ended, refused } = counters
    const ofFeeds = statsOf(feeds)
    const ofHistory = history?.stats()
    const numbers = {
      connections: clients.size,
      connectionsBy: { ...clients.byTransport },
      rooms: rooms.size,
      members: joins - leaves,
      dropped: clients.dropped,
      waitingBytes: rooms.waitingBytes,
      joins,
      leaves,
      broadcasts,
      deliveries,
      kicked,
      ended,
      refused,
      ...(ofFeeds && { feeds: ofFeeds }),
      ...(link && { bus: link.stats() }),
      ...(ofHistory && { history: ofHistory }),
    }
    return { ...numbers, health: judgeHealth(numbers) }
  }
  const sampling = createSampling(rooms, stats, sampleMs)
  const inspection = createInspection({ rooms, hasFeeds: feeds !== undefined, history, totals: sampling.totals })
  return {
    inspection,
    stats,
    answerHealth: () => Response.json(stats().health),
    answerMetrics({ request }) {
      const isOpen = request.headers.get('accept')?.includes('application/openmetrics-text') ?? false
      const format = isOpen ? 'openmetrics' : 'prometheus'
      return new Response(metricsText(stats(), format), { headers: { 'content-type': METRICS_TYPES[format] } })
    },
    async mayReadMetrics(request) {
      if (!allow) return false
      try {
        const ask = async (): Promise<boolean> => (await allow(request)) === true
        return await deadline(ask, { operation: '[msc/realtime] metrics.allow', timeoutMs: ALLOW_MS, clock })
      } catch (error) {
        report(error, 'allow metrics')
        return false
      }
    },
    close() {
      sampling.close()
      inspection.close()
    },
  }
}
