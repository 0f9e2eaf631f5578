import { emit, every, telemetryEnabled } from '@msc/core'
import type { Rooms } from '../rooms/rooms.ts'
import type { RealtimeStats } from './stats.ts'

const RATES = ['joins', 'leaves', 'broadcasts', 'deliveries', 'refused'] as const

/** In a second, over the last one or two samples. */
export type Rates = Readonly<Record<(typeof RATES)[number], number>>

export interface Totals {
  readonly stats: RealtimeStats
  readonly perSecond: Rates
}

export interface Sampling {
  totals(): Totals
  close(): void
}

interface Snapshot {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly counts: Rates
}

/** Looks at a server's counts once in `sampleMs`, for rates and for one operation of telemetry, whatever there was to do. */
export function createSampling(rooms: Rooms, stats: () => RealtimeStats, sampleMs: number): Sampling {
  const { clock, report } = rooms.runtime
  const snapshot = (of: RealtimeStats): Snapshot => ({ at: clock.monotonic(), counts: countsOf(of) })
  let latest: Snapshot = {
    at: clock.monotonic(),
    counts: { joins: 0, leaves: 0, broadcasts: 0, deliveries: 0, refused: 0 },
  }
  let before = latest
  let slow = 0

  const sample = (): void => {
    const now = stats()
    const { window } = rooms
    window.number += 1
    window.beforeMs = clock.monotonic() - window.startedAt
    window.startedAt = clock.monotonic()
    before = latest
    latest = snapshot(now)
    // Together, as a whole room can be too slow at once.
    const count = (now.refused.SLOW_CONSUMER ?? 0) - slow
    slow += count
    if (count > 0) emit('driver.drop', { concern: 'realtime', driver: 'embedded', reason: 'slow consumer', count })
    if (telemetryEnabled('realtime.sample')) tell(now, difference(latest.counts, before.counts))
  }
  const stop = every(sampleMs, sample, { clock, onError: (error) => report(error, 'take a sample') })
  return {
    totals() {
      const now = stats()
      // In the first moments a single one would otherwise count as many in a second.
      const seconds = Math.max(1, (clock.monotonic() - before.at) / 1000)
      const counts = difference(countsOf(now), before.counts)
      return { stats: now, perSecond: mapRates((name) => counts[name] / seconds) }
    },
    close: stop,
  }
}

/** A server to which nobody is connected, and where nothing has happened, is not worth a record. */
function tell({ connections, rooms, members, waitingBytes, feeds, bus, health }: RealtimeStats, counts: Rates): void {
  const degraded = health.reasons.join(',')
  if (connections === 0 && degraded === '' && RATES.every((name) => counts[name] === 0)) return
  emit('realtime.sample', {
    connections,
    rooms,
    members,
    ...counts,
    waitingBytes,
    ...(feeds && { feedWaiting: feeds.waiting, feedLagMs: feeds.lagMs ?? 0 }),
    ...(feeds?.outbox && { outboxBytes: feeds.outbox.bytes }),
    ...(bus && { busWaiting: bus.waiting, busDropped: bus.dropped }),
    degraded,
  })
}

function countsOf({ refused, ...stats }: RealtimeStats): Rates {
  const sum = Object.values(refused).reduce((total, count) => total + count, 0)
  return mapRates((name) => (name === 'refused' ? sum : stats[name]))
}

const difference = (now: Rates, before: Rates): Rates => mapRates((name) => now[name] - before[name])

function mapRates(value: (name: keyof Rates) => number): Rates {
  return Object.fromEntries(RATES.map((name) => [name, value(name)])) as Rates
}
