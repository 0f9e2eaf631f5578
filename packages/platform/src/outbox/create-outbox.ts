import {
  ConfigError,
  assertList,
  assertMethods,
  assertNumbers,
  assertPorts,
  createService,
  isRecord,
  randomHex,
  readField,
  systemClock,
  type Clock,
  type ErrorReporter,
} from '@msc/core'
import type { Database } from '../database/database.ts'
import { KIND } from './add.ts'
import type { Deliver, Outbox } from './outbox.ts'
import { createRelay } from './relay.ts'
import { NO_COUNTS, outboxStore, type Counts } from './store.ts'
import { createWatch } from './watch.ts'

export interface OutboxOptions {
  /** Migrated with `outboxMigration()`. Close it after the outbox. */
  readonly database: Database
  /**
   * Who delivers the entries of each kind. Entries of other kinds are left to other processes. What none of them delivers is
   * reported once and makes the health `degraded`; it waits for a process that does, parked after `unknownAfterMs`.
   */
  readonly deliver: Readonly<Record<string, Deliver>>
  /** Kinds that other processes deliver, which this one need not mind while they are away. Default none. */
  readonly elsewhere?: readonly string[]
  /** Deliveries of one kind at a time in this process, at most 10 000. Default 4. */
  readonly concurrency?: number
  /** Bytes of payloads under way in this process, each counted as 384 KiB. Default 16 MiB, which is 42 at a time. */
  readonly maxBytes?: number
  /** Milliseconds for one attempt. Default 30 000. */
  readonly timeoutMs?: number
  /**
   * Milliseconds after which another process takes over what a killed one was delivering. It is renewed meanwhile. Default
   * 60 000, at most 1 800 000.
   */
  readonly leaseMs?: number
  /** Milliseconds between looks at the table, whatever was heard. Default 30 000. */
  readonly pollMs?: number
  /** Milliseconds for which delivered entries are kept, so that their keys are known. Default 7 days. */
  readonly keepMs?: number
  /**
   * Milliseconds after which an entry of a kind that nobody delivers is parked: this process has seen that kind wait, and no
   * other process hold a claim, for as long. Default 300 000.
   */
  readonly unknownAfterMs?: number
  readonly clock?: Clock
  /** Returns a number in [0, 1). Default `Math.random`. */
  readonly random?: () => number
  /** Called with every failure that nobody awaits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
}

/** A lease is renewed while its delivery goes on. */
const MOST_LEASE_MS = 1_800_000
/** Three centuries: a time so long ago is one that Postgres has. */
const MOST_KEPT_MS = 1e13
/** A claim brings as many payloads at once. */
const MOST_CONCURRENT = 10_000
const MOST_AGE_MS = 600_000
const MOST_LISTED = 1000

/**
 * Makes the outbox of a database, which delivers what transactions have added by {@link addToOutbox}, after their commit, at
 * least once, from any number of processes. Does no I/O until `start`.
 *
 * @throws ConfigError `OPTION_INVALID`.
 */
export function createOutbox(options: OutboxOptions): Outbox {
  const deliver = deliveriesOf(options)
  const { database, clock = systemClock, onError, random = Math.random } = options
  const { concurrency = 4, maxBytes = 16_777_216, timeoutMs = 30_000, leaseMs = 60_000, pollMs = 30_000 } = options
  const { keepMs = 7 * 86_400_000, unknownAfterMs = 300_000 } = options
  const name = randomHex(8)
  const store = outboxStore(database, name)
  const watch = createWatch(clock)
  const { elsewhere = [] } = options
  let counts = NO_COUNTS
  let unknown: readonly string[] = []
  const { service, inTime, report, assertOpen } = createService({
    concern: 'outbox',
    driver: {
      name: database.driverName,
      async health(signal) {
        counts = await store.counts([...deliver.keys(), ...elsewhere], signal)
        unknown = [...new Set([...counts.parkedKinds, ...watch.see(counts.waiting).unattended])]
      },
      // The database is the application's to close.
      close: async () => undefined,
    },
    clock,
    onError,
    degraded: () => whyDegraded(counts, unknown, relay.claimFailure),
    stats: () => {
      const { pending, parked, oldestMs } = counts
      return { pending, parked, oldestMs, delivered: relay.delivered, underWay: relay.underWay }
    },
    flush: (budgetMs) => relay.drain(budgetMs),
    close: (budgetMs, closed) => relay.stop(budgetMs, closed),
  })
  const relay = createRelay({
    name,
    database,
    store,
    watch,
    deliver,
    clock,
    random,
    concurrency,
    maxBytes,
    timeoutMs,
    leaseMs,
    pollMs,
    keepMs,
    elsewhere,
    unknownAfterMs,
    report,
    inTime,
  })
  const open = async <T>(work: () => Promise<T>): Promise<T> => {
    assertOpen()
    return work()
  }
  return {
    ...service,
    start() {
      assertOpen()
      relay.start()
    },
    state: (ids) => open(() => store.state(ids)),
    parked: (given = {}) =>
      open(() => {
        assertNumbers('outbox', given, { limit: 1 })
        return store.parked(Math.min(given.limit ?? 100, MOST_LISTED))
      }),
    retry: (id) => open(() => store.retry(id)),
    discard: (id) => open(() => store.discard(id)),
  }
}

const MOST_NAMED = 5

function whyDegraded(
  { parked, parkedUnknown, oldestMs }: Counts,
  kinds: readonly string[],
  claimFailure: Error | undefined,
): string | undefined {
  const refused = parked - parkedUnknown
  const reasons = [
    claimFailure &&
      `Nothing is delivered, since no entry can be claimed: ${String(readField(claimFailure, 'message'))}`,
    kinds.length > 0 &&
      `Nothing delivers the kind ${kinds.slice(0, MOST_NAMED).join(', ')}${kinds.length > MOST_NAMED ? ' and others' : ''}: its entries wait for a process that does.`,
    refused > 0 && `Parked entries: ${refused}. They are not tried again until somebody calls retry or discard.`,
  ].filter((reason) => typeof reason === 'string')
  if (reasons.length > 0) return reasons.join(' ')
  if (oldestMs > MOST_AGE_MS) return `The oldest entry has waited for ${Math.round(oldestMs / 60_000)} minutes.`
  return undefined
}

/** Returns who delivers, when everything else that the outbox is made of can be used too. */
function deliveriesOf(options: OutboxOptions): ReadonlyMap<string, Deliver> {
  assertNumbers('outbox', options, {
    concurrency: { least: 1, most: MOST_CONCURRENT },
    maxBytes: 1,
    timeoutMs: 1,
    leaseMs: { least: 100, most: MOST_LEASE_MS },
    pollMs: 10,
    keepMs: { least: 0, most: MOST_KEPT_MS },
    unknownAfterMs: { least: 0, most: MOST_KEPT_MS },
  })
  assertMethods('outbox', 'database', options.database, ['asService', 'client'])
  assertPorts('outbox', options)
  const { elsewhere = [] } = options
  assertList('outbox', 'elsewhere', elsewhere)
  if (!elsewhere.every((kind: unknown) => typeof kind === 'string' && KIND.test(kind))) {
    throw new ConfigError('[msc/outbox] `elsewhere` is no list of kinds.', {
      code: 'OPTION_INVALID',
      hint: 'Pass the kinds that other processes deliver, such as ["invoice/sent"].',
    })
  }
  const deliver: unknown = options.deliver
  const entries = isRecord(deliver) ? Object.entries(deliver) : []
  const isValid = entries.length > 0 && entries.every(([kind, each]) => KIND.test(kind) && typeof each === 'function')
  if (!isValid) {
    throw new ConfigError('[msc/outbox] `deliver` is no object of functions by kind.', {
      code: 'OPTION_INVALID',
      hint: 'Pass { deliver: { [kind]: async (entry) => … } }; a kind is 1 to 100 letters, digits and _ . : / -.',
    })
  }
  return new Map(entries as [string, Deliver][])
}
