import {
  ConfigError,
  assertDriver,
  createRedactor,
  createService,
  driverShape,
  currentContext,
  deadline,
  newTrace,
  startOperation,
  systemClock,
  toError,
  withUnit,
  type Clock,
  type DriverContract,
  type ErrorReporter,
  type Service,
} from '@msc/core'
import { memoryClaims, type ClaimStore } from './claims.ts'
import type { CronDefinition } from './define-cron.ts'
import type { CronDriver } from './driver.ts'

export interface CronEngineOptions {
  readonly crons: readonly CronDefinition[]
  readonly driver: CronDriver
  /** Default: this process alone. */
  readonly claims?: ClaimStore
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
  /** Lets a self-driven driver begin. Idempotent. */
  start(): void
  /** Runs the occurrence of `name` that is due at `at` (default now). @throws ConfigError for an unknown name. */
  run(name: string, at?: number): Promise<CronRun>
  /**
   * The route `/api/cron/<name>`: GET, authorised by the driver. 200 with the run, 401, 404, 405 or 500 as a problem
   * document; never a redirect, which a caller may take for success.
   */
  handler(request: Request, name: string): Promise<Response>
  /** The last 200 runs of this process, newest first. */
  history(): readonly CronRun[]
}

const HISTORY = 200
/** How long a finished occurrence is remembered: a doubled delivery comes within minutes. */
const REMEMBER_MS = 24 * 3600 * 1000

const CONTRACT: DriverContract<CronDriver> = {
  concern: 'cron',
  version: 1,
  methods: ['start', 'authorize'],
  shape: driverShape({ fields: { 'capabilities.selfDriven': 'boolean' } }),
}

/** @throws ConfigError for a driver that does not keep the contract, and for two jobs of one name. */
export function createCron(options: CronEngineOptions): Cron {
  const { crons, clock = systemClock, claims = memoryClaims(clock) } = options
  const driver = assertDriver(CONTRACT, options.driver)
  const byName = new Map<string, CronDefinition>()
  for (const cron of crons) {
    if (byName.has(cron.name)) throw new ConfigError(`[msc/cron] Two jobs are named ${cron.name}.`)
    byName.set(cron.name, cron)
  }
  const clean = createRedactor()
  const runs: CronRun[] = []
  const closing = new AbortController()
  const running = new Set<Promise<unknown>>()
  const stats = { runs: 0, failures: 0, skipped: 0 }
  let started = false
  const { service, report, assertOpen } = createService({
    concern: 'cron',
    driver,
    clock,
    onError: options.onError,
    stats: () => ({ jobs: crons.length, ...stats }),
    flush: () => Promise.allSettled(running),
    async close() {
      await driver.close()
      closing.abort(new ConfigError('[msc/cron] The engine was closed during the run.', { code: 'CRON_CLOSED' }))
      await Promise.allSettled(running)
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

    const claim = await claims.claim(runKey, leaseMs, closing.signal)
    if (claim === undefined) return skipped('duplicate')
    const lock = await claims.claim(lockKey, leaseMs, closing.signal)
    if (lock === undefined) {
      // Given back, so that a later tick of the same occurrence may still run it.
      await claims.release(runKey, claim, closing.signal)
      return skipped('overlap')
    }
    const from = clock.monotonic()
    let run: CronRun
    try {
      const result: unknown = await deadline((signal) => Promise.resolve(cron.run({ scheduledAt, signal })), {
        operation: `[msc/cron] ${cron.name}`,
        timeoutMs: cron.timeoutMs,
        signal: closing.signal,
        clock,
      })
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
    await claims.settle(runKey, claim, REMEMBER_MS, new AbortController().signal)
    await claims.release(lockKey, lock, new AbortController().signal)
    return record(run)
  }

  /** One occurrence: a unit of work of its own, in a span of the trace that called, where one did. */
  const runOnce = (cron: CronDefinition, scheduledAt: number): Promise<CronRun> => {
    const from = currentContext()
    return withUnit({ ...from, trace: from?.trace ?? newTrace() }, async () => {
      const operation = startOperation('cron.run')
      const run = await operation.run(() => execute(cron, scheduledAt))
      const { name, outcome, error } = run
      operation.end({ job: name, scheduledAt, outcome, ...(error !== undefined && { error }) })
      return run
    })
  }

  const self: Cron = {
    ...service,
    crons,
    start() {
      if (started) return
      started = true
      const entries = crons.map(({ name, schedule, timezone, path, times }) => ({
        name,
        schedule,
        timezone,
        path,
        next: times.next,
      }))
      driver.start(entries, async ({ name, at }) => {
        await self.run(name, at).catch((error: unknown) => report(error, 'tick', { job: name, scheduledAt: at }))
      })
    },
    async run(name, at = clock.now()) {
      const cron = byName.get(name)
      if (!cron)
        throw new ConfigError(`[msc/cron] There is no job named ${JSON.stringify(name)}.`, { code: 'CRON_UNKNOWN' })
      assertOpen()
      const scheduledAt = cron.times.floor(at) ?? at
      const work = runOnce(cron, scheduledAt)
      running.add(work)
      try {
        return await work
      } finally {
        running.delete(work)
      }
    },
    async handler(request, name) {
      const answer = (status: number, title: string, headers: Record<string, string> = {}): Response =>
        new Response(JSON.stringify({ type: 'about:blank', title, status }), {
          status,
          headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
        })
      // Before all else: who may not call learns neither names nor methods.
      if (!(await driver.authorize(request)))
        return answer(401, 'A valid cron secret is required', { 'www-authenticate': 'Bearer' })
      if (!byName.has(name)) return answer(404, 'There is no such scheduled job')
      if (request.method !== 'GET') return answer(405, 'Scheduled jobs are triggered by GET', { allow: 'GET' })
      const run = await self.run(name)
      if (run.outcome === 'error') return answer(500, `${name} failed: ${run.error}`)
      return Response.json(run, { headers: { 'cache-control': 'no-store' } })
    },
    history: () => runs,
  }
  return self
}
