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
  deadline,
  newTrace,
  runGuarded,
  startOperation,
  systemClock,
  toError,
  withUnit,
  withoutScope,
  withBudgets,
  type Clock,
  type Context,
  type DriverContract,
  type ErrorReporter,
  type Service,
} from '@msc/core'
import { problem } from '@msc/core/http-request'
import { notTried } from './answers.ts'
import { memoryClaims, type ClaimStore } from './claims.ts'
import type { CronDefinition } from './define-cron.ts'
import type { CronDriver, Tick } from './driver.ts'
import { guardClaims, type Claim } from './guarded-claims.ts'

export interface CronOptions {
  readonly crons: readonly CronDefinition[]
  readonly driver: CronDriver
  /** Default: this process alone. */
  readonly claims?: ClaimStore
  /** Milliseconds for each call of the claim store. Default 5 000. */
  readonly claimTimeoutMs?: number
  readonly clock?: Clock
  /**
   * Told once of each run that failed (`operation: 'run'`, with `job` and `scheduledAt`), and of what else fails where
   * nobody waits. Default: the reporter of the process (`setErrorReporter` of @msc/core), else the console.
   */
  readonly onError?: ErrorReporter
}

export interface CronRun {
  readonly name: string
  readonly scheduledAt: number
  /** `skipped`: that occurrence ran already, or the previous run of the same job is still going. */
  readonly outcome: 'ok' | 'error' | 'skipped'
  readonly startedAt: number
  readonly durationMs: number
  readonly reason?: 'duplicate' | 'overlap'
  /** The error's message, redacted. */
  readonly error?: string
  readonly result?: unknown
}

export interface Cron extends Service {
  readonly concern: 'cron'
  readonly crons: readonly CronDefinition[]
  /**
   * Lets a self-driven driver begin. Idempotent. A driver that fails to is reported (`operation: 'start'`), and the next
   * call tries again.
   *
   * @throws ConfigError `CRON_CLOSED` after `close`.
   */
  start(): void
  /**
   * Runs the occurrence of `name` that is due at `at` (default now). A run that fails, or whose claims could not be
   * settled after it, resolves: its outcome is what it was.
   *
   * @throws ConfigError for an unknown name, and `CRON_CLOSED` after `close`; UnavailableError `CRON_CLAIMS_UNAVAILABLE`
   *   when the claim store does not answer: then nothing was run or recorded, and the same occurrence may be tried again.
   */
  run(name: string, at?: number): Promise<CronRun>
  /**
   * The route `/api/cron/<name>`: GET, authorised by the driver. 200 with the run; 401, 404, 405, 500 (the run failed, or
   * the driver could not authorise) or 503 (closed, or the claim store is away: try again) as a problem document; never a
   * redirect, which a caller may take for success. Never rejects.
   */
  handler(request: Request, name: string): Promise<Response>
  /** The last 200 runs of this process, newest first. */
  history(): readonly CronRun[]
}

const HISTORY = 200
/** How long a finished occurrence is remembered: a doubled delivery comes within minutes. */
const REMEMBER_MS = 24 * 3600 * 1000
const CLAIM_MS = 5000
const AUTHORIZE_MS = 5000

const CLAIM_METHODS: readonly (keyof ClaimStore)[] = ['claim', 'release', 'settle']

const CONTRACT: DriverContract<CronDriver> = {
  concern: 'cron',
  version: 1,
  methods: ['start', 'authorize'],
  shape: driverShape({ fields: { 'capabilities.selfDriven': 'boolean' } }),
}

/**
 * @throws ConfigError for a driver or a claim store that does not keep the contract, for a time limit that is none, and for
 *   two jobs of one name.
 */
export function createCron(options: CronOptions): Cron {
  const { crons, clock = systemClock } = options
  const driver = assertDriver(CONTRACT, options.driver)
  assertNumbers('cron', options, { claimTimeoutMs: 1 })
  if (options.claims !== undefined) assertMethods('cron', 'claims', options.claims, CLAIM_METHODS)
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
  const clean = createRedactor()
  const runs: CronRun[] = []
  const closing = createClosing()
  const running = new Set<Promise<unknown>>()
  const stats = { runs: 0, failures: 0, skipped: 0 }
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
    stats: () => ({ jobs: crons.length, ...stats }),
    flush: () => Promise.allSettled(running),
    async close() {
      closing.end(new ConfigError('[msc/cron] The engine was closed during the run.', { code: 'CRON_CLOSED' }))
      await Promise.allSettled(running)
      await claims.repay()
    },
  })

  const record = (run: CronRun): CronRun => {
    runs.unshift(run)
    if (runs.length > HISTORY) runs.pop()
    stats.runs += 1
    if (run.outcome === 'error') stats.failures += 1
    if (run.outcome === 'skipped') stats.skipped += 1
    return run
  }

  const execute = async (cron: CronDefinition, scheduledAt: number): Promise<CronRun> => {
    const startedAt = clock.now()
    const base = { name: cron.name, scheduledAt, startedAt }
    const leaseMs = cron.timeoutMs + 60_000
    const lockKey = `cron:${cron.name}:running`
    const runKey = `cron:${cron.name}:${scheduledAt}`
    const skipped = (reason: 'duplicate' | 'overlap'): CronRun =>
      record({ ...base, outcome: 'skipped', reason, durationMs: 0 })

    const claim = await claims.claim(runKey, leaseMs)
    if (claim === undefined) return skipped('duplicate')
    let lock: Claim | undefined
    try {
      lock = await claims.claim(lockKey, leaseMs)
      // Of an occurrence that never ran nobody may be told that it did.
      if (lock !== undefined && closing.signal.aborted) await claims.release(lock)
      closing.signal.throwIfAborted()
    } catch (error) {
      await claims.release(claim)
      throw error
    }
    if (lock === undefined) {
      // Given back, so that a later tick of the same occurrence may still run it.
      await claims.release(claim)
      return skipped('overlap')
    }
    const from = clock.monotonic()
    let run: CronRun
    try {
      const result: unknown = await closing.during((ending) =>
        deadline((signal) => Promise.resolve(cron.run({ scheduledAt, signal })), {
          operation: `[msc/cron] ${cron.name}`,
          timeoutMs: cron.timeoutMs,
          signal: ending,
          clock,
          report: (error) => report(error, 'abort a run', { job: cron.name, scheduledAt }),
        }),
      )
      run = {
        ...base,
        outcome: 'ok',
        durationMs: clock.monotonic() - from,
        ...(result !== undefined && { result: clean(result) }),
      }
    } catch (error) {
      run = { ...base, outcome: 'error', durationMs: clock.monotonic() - from, error: clean(toError(error).message) }
      report(error, 'run', { job: cron.name, scheduledAt })
    }
    record(run)
    await claims.settle(claim, REMEMBER_MS)
    await claims.release(lock)
    return run
  }

  /** One occurrence: a unit of work of its own, in a span of `context`'s trace. */
  const runOnce = (cron: CronDefinition, scheduledAt: number, context: Context): Promise<CronRun> =>
    withUnit(context, async () => {
      const operation = startOperation('cron.run')
      const run = await operation.run(() => execute(cron, scheduledAt))
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

  /** The driver's own tick acts for nobody: whoever called `start` must not be taken for who runs the job. */
  const onTick = ({ name, at }: Tick): Promise<void> =>
    runIn({ trace: newTrace() }, name, at).then(
      () => undefined,
      (error: unknown) => report(error, 'tick', { job: name, scheduledAt: at }),
    )

  const answer = async (request: Request, name: string): Promise<Response> => {
    // Before all else: who may not call learns neither names nor methods.
    const allowed = await inTime('authorize', AUTHORIZE_MS, () => driver.authorize(request))
    if (allowed !== true) {
      const headers = { 'www-authenticate': 'Bearer' }
      return problem({ status: 401, title: 'A valid cron secret is required', code: 'UNAUTHENTICATED', headers })
    }
    if (!byName.has(name)) return problem({ status: 404, title: 'There is no such scheduled job', code: 'NOT_FOUND' })
    if (request.method !== 'GET') {
      const title = 'Scheduled jobs are triggered by GET'
      return problem({ status: 405, title, code: 'METHOD_NOT_ALLOWED', headers: { allow: 'GET' } })
    }
    try {
      const run = await self.run(name)
      if (run.outcome === 'error') {
        return problem({ status: 500, title: 'The scheduled job failed', code: 'CRON_FAILED', detail: run.error })
      }
      return Response.json(run, { headers: { 'cache-control': 'no-store' } })
    } catch (error) {
      report(error, 'handler', { job: name })
      return notTried(error)
    }
  }

  const self: Cron = {
    ...withBudgets(service),
    crons,
    start() {
      assertOpen()
      if (started) return
      started = true
      const entries = crons.map(({ name, schedule, timezone, path, times }) => ({
        name,
        schedule,
        timezone,
        path,
        next: times.next,
      }))
      runGuarded(
        // Its timers outlive the request that happened to start the engine.
        () => withoutScope(() => driver.start(entries, onTick)),
        (error) => {
          started = false
          report(error, 'start')
        },
      )
    },
    run(name, at = clock.now()) {
      const from = currentContext()
      return runIn({ ...from, trace: from?.trace ?? newTrace() }, name, at)
    },
    handler: (request, name) =>
      answer(request, name).catch((error: unknown) => {
        report(error, 'authorize', { job: name })
        return problem({ status: 500, title: 'The caller could not be authorised', code: 'INTERNAL' })
      }),
    history: () => runs,
  }
  return self
}
