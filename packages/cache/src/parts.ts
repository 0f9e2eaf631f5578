import {
  ConfigError,
  assertDriver,
  assertNumbers,
  createService,
  driverShape,
  systemClock,
  type DriverContract,
  type ServiceKit,
} from '@msc/core'
import type { CacheOptions } from './cache.ts'
import type { Bounds, CacheDriver } from './driver.ts'
import { VERBS } from './verbs.ts'
import { createFailures, type Failures } from './failures.ts'
import { createFlights, type Flights } from './flights.ts'
import { globToRegExp } from './glob.ts'
import { guardCoordination, type GuardedCoordination } from './guarded-coordination.ts'
import { createGuard, type Guard } from './guarded-driver.ts'
import { createInvalidationLog, type InvalidationLog } from './invalidation-log.ts'
import type { Shared } from './isolate.ts'
import { createLeases, type Leases } from './leases.ts'
import { materialise, materialiseCopy } from './materialise.ts'
import type { Invalidation } from './messages.ts'
import { createNear, type NearStore } from './near.ts'
import { createRemote, type Remote } from './remote.ts'
import { keyspace, type Keyspace } from './keyspace.ts'
import { createStats, snapshot, type MutableStats } from './stats.ts'
import type { Clock } from '@msc/core'

/** What a cache is made of; each of its functions takes what it needs. */
export interface Parts {
  readonly service: ServiceKit<'cache'>['service']
  readonly driver: CacheDriver
  readonly guard: Guard
  /** Absent where this process has nobody to coordinate with, or the store can't. */
  readonly coordination: GuardedCoordination | undefined
  readonly keys: Keyspace
  readonly clock: Clock
  readonly random: () => number
  readonly stats: MutableStats
  readonly flights: Flights
  readonly failures: Failures
  /** Decoded values: the whole store of a cache in memory, the tier before another. */
  readonly near: NearStore | undefined
  /** Milliseconds that a value is served from near at most where there is a store behind. */
  readonly nearMs: number
  /** Absent where `near` is all there is. */
  readonly remote: Remote | undefined
  /** Both absent without `coordination`. */
  readonly leases: Leases | undefined
  readonly log: InvalidationLog | undefined
  readonly compressAbove: number
  readonly lockWaitMs: number
  /** Makes what one caller is given of what all share. */
  deliver(shared: Shared | undefined): unknown
  /** Can what is held near be out of date without our knowing? */
  nearCurrent(): boolean
  /** What an invalidation, here or elsewhere, does in this process. Returns how many near values there were. */
  forget(what: Invalidation): number
  /** Reports what failed behind the scenes, at most once a second for each operation. */
  complain(operation: string, error: unknown): void
  /** Counts and reports a store operation that failed. */
  failed(operation: string, error: unknown): void
}

const CONTRACT: DriverContract<CacheDriver> = {
  concern: 'cache',
  version: 1,
  methods: ['get', 'set', 'delete', 'increment', 'scan'],
  optional: ['getMany', 'setMany'],
  shape: driverShape({
    groups: {
      coordination: Object.keys(VERBS),
    },
    fields: { 'capabilities.shared': 'boolean', 'capabilities.cancels?': 'boolean' },
  }),
}

const LOCAL: Bounds = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 }

export function createParts(options: CacheOptions): Parts {
  assertNumbers('cache', options, {
    timeoutMs: 1,
    pollMs: 1,
    leaseMs: 1,
    lockWaitMs: 0,
    compressAbove: { least: 0, most: Infinity },
  })
  const deliver = options.copies ? materialiseCopy : materialise
  const driver = assertDriver(CONTRACT, options.driver)
  const { namespace = 'msc', timeoutMs = 500, clock = systemClock, random = Math.random, local = false } = options
  const settings = local === true ? {} : local || undefined
  assertNumbers('cache', settings ?? {}, { maxEntries: 0, maxBytes: 0, ttlMs: 0 }, 'local')
  check(driver, options)
  const guard = createGuard(driver, { timeoutMs, clock })
  const keys = keyspace(namespace)
  const coordination = guardCoordination(driver, guard)
  const stats = createStats()
  const flights = createFlights(deliver)
  const { service, report } = createService({
    concern: 'cache',
    driver,
    clock,
    onError: options.onError,
    breaker: guard.breaker,
    stats: () => ({ ...snapshot(stats, flights.joined) }),
    // Writes are awaited by whoever caused them; refreshes by nobody.
    flush: () => flights.idle(),
    async close() {
      leases?.close()
      // First, as the log waits for what it has asked a store that may be silent.
      guard.close()
      await log?.close()
      near?.close()
    },
  })
  const failures = createFailures(clock)
  const { bounds } = driver.capabilities
  const near = bounds ? createNear(bounds) : settings && createNear({ ...LOCAL, ...settings })

  /** What is being loaded is not kept, and what has failed may be loaded again. */
  const overtake = (matches: (key: string, tags: readonly string[]) => boolean): void => {
    flights.invalidate(matches)
    failures.forget(matches)
  }
  const forget = (what: Invalidation): number => {
    if ('tag' in what) {
      overtake((_key, tags) => tags.includes(what.tag))
      return near?.deleteTag(what.tag) ?? 0
    }
    if ('pattern' in what) {
      const expression = globToRegExp(what.pattern)
      overtake((key) => expression.test(key))
      return near?.deleteMatching(expression) ?? 0
    }
    const names = new Set(what.keys)
    overtake((key) => names.has(key))
    let count = 0
    for (const name of names) if (near?.delete(name)) count += 1
    return count
  }

  const complainedAt = new Map<string, number>()
  const complain = (operation: string, error: unknown): void => {
    const now = clock.monotonic()
    if (now - (complainedAt.get(operation) ?? -Infinity) < 1000) return
    complainedAt.set(operation, now)
    report(error, operation)
  }
  const log =
    coordination &&
    createInvalidationLog({
      coordination,
      keys,
      clock,
      pollMs: options.pollMs ?? 400,
      onInvalidation: forget,
      onGap() {
        overtake(() => true)
        near?.clear()
      },
      onError: complain,
    })
  const leases = coordination && createLeases({ coordination, keys, clock, random, leaseMs: options.leaseMs ?? 5000 })
  const followed = near && !bounds ? log : undefined

  return {
    service,
    driver,
    guard,
    coordination,
    keys,
    clock,
    random,
    stats,
    flights,
    failures,
    deliver,
    near,
    nearMs: settings?.ttlMs ?? 30_000,
    remote: bounds ? undefined : createRemote(driver, guard, keys, coordination),
    leases,
    log,
    compressAbove: options.compressAbove ?? Infinity,
    lockWaitMs: options.lockWaitMs ?? 10_000,
    nearCurrent: followed ? () => followed.current : () => near !== undefined,
    forget,
    complain,
    failed(operation, error) {
      stats.errors += 1
      complain(operation, error)
    },
  }
}

function check(driver: CacheDriver, { namespace, local }: CacheOptions): void {
  if (namespace !== undefined && !/^[\w.-]{1,64}$/.test(namespace)) {
    throw new ConfigError('[msc/cache] `namespace` must match /^[\\w.-]{1,64}$/.', {
      code: 'CACHE_NAMESPACE_INVALID',
      hint: 'Use 1 to 64 letters, digits and `_`, `.` or `-`.',
    })
  }
  if (local && driver.capabilities.shared && !driver.coordination) {
    throw new ConfigError(
      `[msc/cache] [${driver.name}] can't hold a local tier: without \`coordination\` nobody would hear of an invalidation.`,
      { code: 'CACHE_LOCAL_UNSUPPORTED', hint: 'Leave `local` out, or use a driver with `coordination`.' },
    )
  }
}
