import {
  ConfigError,
  assertDriver,
  assertMethods,
  assertNumbers,
  createClosing,
  createRedactor,
  createService,
  driverShape,
  currentContext,
  newTrace,
  runGuarded,
  startOperation,
  systemClock,
  withUnit,
  withoutScope,
  type Clock,
  type Context,
  type DriverContract,
  type ErrorReporter,
  type Service,
} from '@msc/core'
import { memoryClaims, type ClaimStore } from './claims.ts'
import { createRunHistory, type CronRun } from './run/cron-run.ts'
import type { CronDefinition } from './define-cron.ts'
import type { CronDriver, ScheduledEntry, Tick } from './driver.ts'
import { guardClaims } from './run/guarded-claims.ts'
import { handleRequest } from './handle-request.ts'
import { runOccurrence } from './run/run-occurrence.ts'

export interface CronOptions {
  readonly crons: readonly CronDefinition[]
  readonly driver: CronDriver
  /** Default: {@link memoryClaims}, which only this process sees. */
  readonly claims?: ClaimStore
  /** Milliseconds for each call of the claim store. Default 5 000. */
  readonly claimTimeoutMs?: number
  readonly clock?: Clock
  /**
   * Called once for each run that fails (`operation: 'run'`, with `job` and `scheduledAt`), and for every other failure
   * that has no caller to throw to. Default: the reporter of the process (`setErrorReporter` of @msc/core), else the
   * console.
   */
  readonly onError?: ErrorReporter
}

export interface Cron extends Service {
  readonly concern: 'cron'
  readonly crons: readonly CronDefinition[]
  /**
   * Starts a self-driven driver. Idempotent. A driver that fails to start is reported (`operation: 'start'`), and the next
   * call tries again.
   *
   * @throws ConfigError `CRON_CLOSED` after `close`.
   */
  start(): void
  /**
   * Runs the occurrence of `name` that is due at `at` (milliseconds since the epoch; default now). It resolves when the run
   * fails too, with `outcome: 'error'`; a claim that can't be settled after the run does not change the outcome.
   *
   * @throws ConfigError for an unknown name, and `CRON_CLOSED` after `close`; UnavailableError `CRON_CLAIMS_UNAVAILABLE`
   *   when the claim store fails or does not answer: nothing was run or recorded, and the same occurrence may be tried
   *   again.
   */
  run(name: string, at?: number): Promise<CronRun>
  /**
   * Answers the route `/api/cron/<name>`: GET, authorised by the driver. Returns 200 with the run, or a problem document:
   * 401, 404, 405, 500 (the run failed, or the driver could not authorise) or 503 (the engine is closed, or the claim store
   * is away: try again). It never returns a redirect, which a caller may take for success. Never rejects.
   */
  handler(request: Request, name: string): Promise<Response>
  /** The last 200 runs of this process, newest first. */
  history(): readonly CronRun[]
}

const HISTORY_LIMIT = 200
const CLAIM_MS = 5000

const CLAIM_METHODS: readonly (keyof ClaimStore)[] = ['claim', 'release', 'settle']

const CONTRACT: DriverContract<CronDriver> = {
  concern: 'cron',
  version: 1,
  methods: ['start', 'authorize'],
  shape: driverShape({ fields: { 'capabilities.selfDriven': 'boolean' } }),
}

/**
 * @throws ConfigError for a driver or a claim store that does not keep the contract, for an invalid time limit, and for two
 *   jobs with the same name.
 */
export function createCron(options: CronOptions): Cron {
  assertNumbers('cron', options, { claimTimeoutMs: 1 })
  const { crons, clock = systemClock } = options
  const driver = assertDriver(CONTRACT, options.driver)
  if (options.claims !== undefined) assertMethods('cron', 'claims', options.claims, CLAIM_METHODS)
  if (!Array.isArray(crons)) {
    throw new ConfigError('[msc/cron] `crons` is not a list of definitions.', {
      code: 'OPTION_INVALID',
      hint: 'Pass what `defineCron` returns: { crons: [daily] }.',
    })
  }
  const byName = indexByName(crons)
  const history = createRunHistory(HISTORY_LIMIT)
  const closing = createClosing()
  const running = new Set<Promise<unknown>>()
  let started = false
  const claims = guardClaims({
    claims: options.claims ?? memoryClaims(clock),
    clock,
    timeoutMs: options.claimTimeoutMs ?? CLAIM_MS,
    closing,
    onFailure: (error, operation) => report(error, operation),
  })
  const { service, report, inTime, assertOpen } = createService({
    concern: 'cron',
    driver,
    clock,
    onError: options.onError,
    breaker: claims.breaker,
    stats: () => ({ jobs: crons.length, ...history.stats }),
    flush: () => Promise.allSettled(running),
    async close() {
      closing.end(new ConfigError('[msc/cron] The engine was closed during the run.', { code: 'CRON_CLOSED' }))
      await Promise.allSettled(running)
      await claims.drain()
    },
  })
  const occurrences = { claims, clock, closing, redact: createRedactor(), report, record: history.add }

  /** Runs one occurrence as a unit of work of its own, in a span of `context`'s trace. */
  const runOnce = (cron: CronDefinition, scheduledAt: number, context: Context): Promise<CronRun> =>
    withUnit(context, async () => {
      const operation = startOperation('cron.run')
      const run = await operation.run(() => runOccurrence(occurrences, cron, scheduledAt))
      const { name, outcome, error } = run
      operation.end({ job: name, scheduledAt, outcome, ...(error !== undefined && { error }) })
      return run
    })

  const runIn = async (context: Context, name: string, at: number): Promise<CronRun> => {
    const cron = byName.get(name)
    if (!cron) {
      throw new ConfigError(`[msc/cron] There is no job named ${JSON.stringify(name)}.`, { code: 'CRON_UNKNOWN' })
    }
    assertOpen()
    const work = runOnce(cron, cron.times.floor(at) ?? at, context)
    running.add(work)
    try {
      return await work
    } finally {
      running.delete(work)
    }
  }

  /** A driver's tick runs without a user, in a new trace: the caller of `start` did not ask for this run. */
  const onTick = ({ name, at }: Tick): Promise<void> =>
    runIn({ trace: newTrace() }, name, at).then(
      () => undefined,
      (error: unknown) => report(error, 'tick', { job: name, scheduledAt: at }),
    )

  const run: Cron['run'] = (name, at = clock.now()) => {
    const from = currentContext()
    return runIn({ ...from, trace: from?.trace ?? newTrace() }, name, at)
  }
  const route = { driver, inTime, report, run, hasJob: (name: string) => byName.has(name) }

  return {
    ...service,
    crons,
    start() {
      assertOpen()
      if (started) return
      started = true
      runGuarded(
        // The driver's timers outlive the request that happened to start the engine, so they must not keep its scope.
        () => withoutScope(() => driver.start(crons.map(toEntry), onTick)),
        (error) => {
          started = false
          report(error, 'start')
        },
      )
    },
    run,
    handler: (request, name) => handleRequest(route, request, name),
    history: () => history.runs,
  }
}

function indexByName(crons: readonly CronDefinition[]): ReadonlyMap<string, CronDefinition> {
  const byName = new Map<string, CronDefinition>()
  for (const cron of crons) {
    if (byName.has(cron.name)) {
      throw new ConfigError(`[msc/cron] Two jobs are named ${cron.name}.`, {
        code: 'CRON_DUPLICATE',
        hint: 'Give each job a name of its own.',
      })
    }
    byName.set(cron.name, cron)
  }
  return byName
}

function toEntry({ name, schedule, timezone, path, times }: CronDefinition): ScheduledEntry {
  return { name, schedule, timezone, path, next: times.next }
}
