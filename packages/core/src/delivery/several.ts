import type { Breaker } from '../breaker.ts'
import type { DriverBase } from '../driver.ts'
import type { DeliveryStats } from './receipt.ts'

/** One driver behind an outbox, as far as it is counted with others. */
export interface CountedSink {
  readonly driver: Pick<DriverBase, 'name'>
  readonly breaker: Pick<Breaker, 'state'>
  stats(): DeliveryStats
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

/** The numbers of each sink by the name of its driver; of two with one name the later ones are numbered. */
export function statsBySink(sinks: readonly CountedSink[]): ReadonlyMap<string, DeliveryStats> {
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
