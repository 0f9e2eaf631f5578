import {
  assertDriver,
  assertDrivers,
  assertNumbers,
  createRedactor,
  createService,
  deadline,
  systemClock,
  type Clock,
  type DriverContract,
  type ErrorReporter,
} from '@msc/core'
import {
  atProcessEnd,
  describeLimits,
  driversAsOne,
  sinkShape,
  sinksAsOne,
  sumOfSinks,
  worstBreaker,
} from '@msc/core/delivery'
import type { Analytics, AnalyticsOptions } from './analytics.ts'
import type { AnalyticsDriver, FlagSource } from './driver.ts'
import { asFlagValue, evaluateFlag, evaluateFlags, type EvaluatingContext } from './flags/evaluate.ts'
import { createExposures } from './recording/exposures.ts'
import { createFlagReader } from './flags/reader.ts'
import { expose, record, type RecordingContext } from './recording/record.ts'
import { createSink, type Sink } from './recording/sinks.ts'

const SINK_CONTRACT: DriverContract<AnalyticsDriver> = {
  concern: 'analytics',
  version: 1,
  methods: ['send'],
  optional: ['sendSync', 'leavingMaxBytes'],
  shape: sinkShape,
}
const FLAGS_CONTRACT: DriverContract<FlagSource> = { concern: 'analytics', version: 1, methods: ['evaluate'] }

/** The smallest valid value of each option. */
const NUMBERS = {
  maxQueue: 1,
  maxQueueBytes: 1,
  batchSize: 1,
  flushIntervalMs: 0,
  timeoutMs: 1,
  flagTimeoutMs: 1,
} as const

/** @throws ConfigError for a driver or a flag source that does not keep its contract, and for an invalid number. */
export function createAnalytics(options: AnalyticsOptions): Analytics {
  assertNumbers('analytics', options, NUMBERS)
  const { clock = systemClock, strict = false, onError } = options
  const drivers = assertDrivers(SINK_CONTRACT, options.driver)
  const source = options.flags && assertDriver(FLAGS_CONTRACT, options.flags)
  const flags = source && createFlagReader(source, { timeoutMs: options.flagTimeoutMs ?? 1000, clock, onError })
  const sinks: readonly Sink[] = drivers.map((driver) =>
    sinkFor(driver, options, clock, (error, { operation, ...details }) => report(error, operation, details)),
  )
  const checking = new Set<Promise<void>>()
  const flushAll = async (budgetMs: number): Promise<void> => {
    const left = await checked(checking, budgetMs, clock)
    await Promise.all(sinks.map((sink) => sink.flush(left)))
  }
  const endings: (() => void)[] = []
  const { service, report } = createService({
    concern: 'analytics',
    driver: driversAsOne(drivers),
    clock,
    onError,
    breaker: worstBreaker(sinks),
    degraded: () => flags?.outage() ?? describeLimits(sinks, clock),
    stats: () => ({ ...sumOfSinks(sinks) }),
    flush: flushAll,
    async close(budgetMs) {
      for (const end of endings.splice(0)) end()
      const left = await checked(checking, budgetMs, clock)
      await Promise.all([flags?.service.close({ timeoutMs: left }), ...sinks.map((sink) => sink.close(left))])
    },
  })
  if (options.processEnd) endings.push(takePartInEnd(sinks, flushAll))

  const recording: RecordingContext = {
    sinks,
    clean: createRedactor(options.redact),
    clock,
    exposures: createExposures(),
    catalogue: options.catalogue,
    strict,
    release: options.release,
    source: options.source ?? 'server',
    report,
    checking,
  }
  const evaluating: EvaluatingContext = {
    flags,
    strict,
    expose: (...args) => expose(recording, ...args),
    report,
  }
  return {
    ...service,
    ...verbsOf(recording, evaluating),
    flagService: flags?.service,
    ...sinksAsOne(sinks),
  }
}

/**
 * Resolves when all schemas have answered, or when half of the budget is over. It resolves with the rest of the budget,
 * which the queues may use.
 */
async function checked(checking: ReadonlySet<Promise<void>>, budgetMs: number, clock: Clock): Promise<number> {
  if (checking.size === 0) return budgetMs
  const from = clock.monotonic()
  const options = { operation: '[msc/analytics] catalogue', timeoutMs: budgetMs / 2, clock }
  await deadline(() => Promise.all(checking), options).catch(() => undefined)
  return Math.max(0, budgetMs - (clock.monotonic() - from))
}

type Verbs = Pick<
  Analytics,
  'record' | 'track' | 'identify' | 'evaluateFlag' | 'evaluateFlags' | 'expose' | 'getFeatureFlag' | 'isFeatureEnabled'
>

function verbsOf(recording: RecordingContext, evaluating: EvaluatingContext): Verbs {
  const getFeatureFlag: Analytics['getFeatureFlag'] = async (flag, distinctId, options) =>
    asFlagValue(await evaluateFlag(evaluating, flag, distinctId, options))
  return {
    record: (subject, message, options) => record(recording, subject, message, options),
    track: (distinctId, event, properties = {}, options) =>
      record(recording, distinctId, { kind: 'track', event, properties }, options),
    identify: (distinctId, properties = {}, options) =>
      record(recording, distinctId, { kind: 'identify', set: properties }, options),
    evaluateFlag: (...args) => evaluateFlag(evaluating, ...args),
    evaluateFlags: (...args) => evaluateFlags(evaluating, ...args),
    expose: evaluating.expose,
    getFeatureFlag,
    isFeatureEnabled: async (...args) => (await getFeatureFlag(...args)) !== false,
  }
}

function sinkFor(driver: AnalyticsDriver, options: AnalyticsOptions, clock: Clock, onError: ErrorReporter): Sink {
  return createSink(driver, {
    maxQueue: options.maxQueue ?? 10_000,
    maxQueueBytes: options.maxQueueBytes,
    flushIntervalMs: options.flushIntervalMs ?? 500,
    batchSize: options.batchSize,
    timeoutMs: options.timeoutMs ?? 5000,
    clock,
    random: options.random,
    store: options.store?.(driver),
    onDrop: options.onDrop,
    onError,
  })
}

function takePartInEnd(sinks: readonly Sink[], flush: (budgetMs: number) => Promise<void>): () => void {
  return atProcessEnd({
    flush,
    lastWords() {
      for (const sink of sinks) sink.lastWords()
    },
  })
}
