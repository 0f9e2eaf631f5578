import type { Breaker } from '../../service/breaker.ts'
import type { DriverBase } from '../../contract/driver.ts'
import type { Outbox } from '../outbox-types.ts'
import type { DeliveryStats, DropReason } from './receipt.ts'

/** One driver behind an outbox, as far as it is counted with others. */
export interface CountedSink {
  readonly driver: Pick<DriverBase, 'name'>
  readonly breaker: Pick<Breaker, 'state'>
  stats(): DeliveryStats
}

/** One driver with an outbox and a breaker of its own: what one backend does costs no other. */
export interface SinkOf<Driver extends DriverBase, Item> extends Omit<Outbox<Item>, 'push'> {
  readonly driver: Driver
  /** False when the item was dropped, which is counted. True for a kind that the driver has no place for. */
  push(item: Item): boolean
}

/** What an engine with several sinks offers of all of them. */
export interface SinksAsOne {
  /** Counts what was lost before there was an item, in each sink. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  /** The page may be gone in a moment: sends what fits, within `budgetMs` milliseconds. Waits for nothing. */
  leave(budgetMs: number): void
  stats(): DeliveryStats
  /** The numbers of each sink by the name of its driver; of two with one name the later ones are numbered. */
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

/** The sum of the numbers of several sinks; what holds for each holds for it. */
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

/** The state of whichever sink is worst off. */
export function worstBreaker(sinks: readonly CountedSink[]): Pick<Breaker, 'state'> {
  return {
    get state() {
      return sinks.find(({ breaker }) => breaker.state !== 'closed')?.breaker.state ?? 'closed'
    },
  }
}

/** Several drivers as a service sees one: all must answer, and all are closed. */
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
