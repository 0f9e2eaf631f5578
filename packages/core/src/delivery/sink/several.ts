import type { Breaker } from '../../service/breaker.ts'
import type { DriverBase } from '../../contract/driver.ts'
import type { Outbox } from '../outbox-types.ts'
import type { DeliveryStats, DropReason } from './receipt.ts'

/** One driver behind an outbox, reduced to what the totals of several need. */
export interface CountedSink {
  readonly driver: Pick<DriverBase, 'name'>
  readonly breaker: Pick<Breaker, 'state'>
  stats(): DeliveryStats
}

/** One driver with an outbox and a breaker of its own, so that one backend's failure does not affect another. */
export interface SinkOf<Driver extends DriverBase, Item> extends Omit<Outbox<Item>, 'push'> {
  readonly driver: Driver
  /** Returns false when the item was dropped and counted. Returns true for a kind that the driver does not support. */
  push(item: Item): boolean
}

/** The operations of an engine on all of its sinks. */
export interface SinksAsOne {
  /** Counts, in each sink, losses that happened before there was an item. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  /** Sends what fits within `budgetMs` milliseconds, because the page may end at any moment. Does not wait. */
  leave(budgetMs: number): void
  stats(): DeliveryStats
  /** Returns each sink's counts by the name of its driver. Repeated names are numbered. */
  sinks(): ReadonlyMap<string, DeliveryStats>
}

export function sinksAsOne<Driver extends DriverBase>(sinks: readonly SinkOf<Driver, never>[]): SinksAsOne {
  return {
    drop(...loss) {
      for (const sink of sinks) sink.drop(...loss)
    },
    leave(budgetMs) {
      for (const sink of sinks) void sink.flush(budgetMs, 'leaving')
    },
    stats: () => sumOfSinks(sinks),
    sinks: () => statsBySink(sinks),
  }
}

/** Returns the sum of several sinks' counts, for which the same equation holds. */
export function sumOfSinks(sinks: readonly CountedSink[]): DeliveryStats {
  const sum = { accepted: 0, delivered: 0, dropped: 0, queued: 0, inFlight: 0 }
  for (const sink of sinks) {
    const stats = sink.stats()
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += stats[name]
  }
  return sum
}

function statsBySink(sinks: readonly CountedSink[]): ReadonlyMap<string, DeliveryStats> {
  const named = new Map<string, DeliveryStats>()
  for (const [index, sink] of sinks.entries()) {
    const { name } = sink.driver
    named.set(named.has(name) ? `${name} (${index + 1})` : name, sink.stats())
  }
  return named
}

/** Returns the breaker state of the sink that is in the worst state. */
export function worstBreaker(sinks: readonly CountedSink[]): Pick<Breaker, 'state'> {
  return {
    get state() {
      return sinks.find(({ breaker }) => breaker.state !== 'closed')?.breaker.state ?? 'closed'
    },
  }
}

/** Presents several drivers to a service as one: all must answer, and all are closed. */
export function driversAsOne(
  drivers: readonly DriverBase[],
): Pick<DriverBase, 'name' | 'health' | 'close' | 'endpoint' | 'variables'> {
  const [only] = drivers
  if (only && drivers.length === 1) return only
  return {
    name: drivers.map(({ name }) => name).join('+'),
    variables: drivers.flatMap(({ variables = [] }) => variables),
    health: async (signal) => void (await Promise.all(drivers.map((driver) => driver.health(signal)))),
    close: async () => void (await Promise.all(drivers.map((driver) => driver.close()))),
  }
}
