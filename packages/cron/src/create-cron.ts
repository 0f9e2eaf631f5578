import {
  ConfigError,
  createRedactor,
  deadline,
  emit,
  newTrace,
  systemClock,
  toError,
  withContext,
  currentContext,
  type Clock,
  type Health,
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
  /** Told once of each run that failed. */
  readonly onError?: (error: Error, run: { readonly name: string; readonly scheduledAt: number }) => void
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

export function createCron(options: CronEngineOptions): Cron {
  const { crons, driver, clock = systemClock, claims = memoryClaims(clock), onError } = options
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

  const record = (run: CronRun): CronRun => {
    runs.unshift(run)
    if (runs.length > HISTORY) runs.pop()
    stats.runs += 1
    if (run.outcome === 'error') stats.failures += 1
    if (run.outcome === 'skipped') stats.skipped += 1
    const { name, scheduledAt, outcome, durationMs, error } = run
    emit('cron.run', { job: name, scheduledAt, outcome, ...(error && { error }) }, systemClock.monotonic() - durationMs)
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
      report(toError(error), base)
    }
    await claims.settle(runKey, claim, REMEMBER_MS, new AbortController().signal)
    await claims.release(lockKey, lock, new AbortController().signal)
    return record(run)
  }

  const report = (error: Error, run: { readonly name: string; readonly scheduledAt: number }): void => {
    try {
      if (onError) onError(error, run)
      else console.error(`[msc/cron] ${run.name} failed: ${clean(error.message)}`)
    } catch {
      // A broken reporter must not turn one failed run into a failed scheduler.
    }
  }

  const self: Cron = {
    concern: 'cron',
    driverName: driver.name,
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
        await self.run(name, at).catch((error: unknown) => report(toError(error), { name, scheduledAt: at }))
      })
    },
    async run(name, at = clock.now()) {
      const cron = byName.get(name)
      if (!cron)
        throw new ConfigError(`[msc/cron] There is no job named ${JSON.stringify(name)}.`, { code: 'CRON_UNKNOWN' })
      if (closing.signal.aborted) throw new ConfigError('[msc/cron] The engine is closed.', { code: 'CRON_CLOSED' })
      const scheduledAt = cron.times.floor(at) ?? at
      const work = withContext({ trace: currentContext()?.trace ?? newTrace() }, () => execute(cron, scheduledAt))
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
    async health({ timeoutMs = 2000 } = {}): Promise<Health> {
      const from = clock.monotonic()
      const base = { concern: 'cron', driver: driver.name, stats: { jobs: crons.length, ...stats } }
      try {
        await deadline((signal) => driver.health(signal), { operation: '[msc/cron] health', timeoutMs, clock })
        return { ...base, status: 'ready', latencyMs: clock.monotonic() - from }
      } catch (error) {
        return { ...base, status: 'down', latencyMs: clock.monotonic() - from, detail: toError(error).message }
      }
    },
    async flush() {
      await Promise.allSettled(running)
    },
    async close() {
      if (closing.signal.aborted) return
      await driver.close()
      closing.abort(new ConfigError('[msc/cron] The engine was closed during the run.', { code: 'CRON_CLOSED' }))
      await Promise.allSettled(running)
    },
  }
  return self
}
