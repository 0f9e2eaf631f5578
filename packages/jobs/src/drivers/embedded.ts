import {
  ConfigError,
  assertMethods,
  inTurn,
  assertNumbers,
  DriverError,
  durationOption,
  sortableId,
  startOperation,
  systemClock,
  withCarrier,
  closedError,
} from '@msc/core'
import type { Clock, Duration } from '@msc/core'
import { admit, gateKeys, runFor, type Arrival } from '../admission.ts'
import type { AnyJob } from '../define-job.ts'
import type { JobHost, JobsDriver, OutgoingEvent } from '../driver.ts'
import { prefixed } from './prefixed-log.ts'
import { executeRun, type ExecutePorts } from '../execute-run.ts'
import { listensTo } from '../listens-to.ts'
import { INVOKED } from '../payloads.ts'
import { replayOf } from '../replay-run.ts'
import type { SchedulePorts } from '../schedule.ts'
import { invokedId, toRunInfo, type ClaimedRun, type Gate, type JobStore, type NewRun } from '../store.ts'
import { createWorker, type Worker, type WorkerOptions } from '../worker.ts'

export interface Retention {
  /** Default 7 days. */
  readonly completed?: Duration
  /** Of failed and cancelled runs. Default 30 days. */
  readonly failed?: Duration
  /** Ended runs that are kept at most, the latest. Default 100 000. */
  readonly keep?: number
}

export interface EmbeddedOptions {
  readonly store: JobStore
  /** Runs at a time. Default 10. */
  readonly concurrency?: number
  /** How long a silent worker keeps a run. Default 10 s; renewed while the run goes on. */
  readonly leaseMs?: number
  /** How often to look for runs that another process has queued or left. Default 1 s. */
  readonly pollMs?: number
  readonly retention?: Retention
  readonly clock?: Clock
}

/** Three centuries: a time so long ago is one that every store has. */
const LONGEST = { mostMs: 1e13 }

const STORE_METHODS: readonly (keyof JobStore)[] = [
  'gates',
  'enqueue',
  'claim',
  'write',
  'writeAndClaim',
  'renew',
  'owners',
  'release',
  'nextDue',
  'cancel',
  'pause',
  'get',
  'list',
  'depth',
  'prune',
  'close',
]

/** How often an enqueue is tried again when others change the same gates. */
const CONTENTION = 50

/**
 * The replay engine in this process over a store. What is sent here starts at once; what another process queues is found
 * by notification where the store has it, else by polling. A run whose worker was killed is taken over within `pollMs`
 * when that worker was on this machine, else when its lease ends.
 *
 * @throws ConfigError `OPTION_INVALID` for a store that lacks methods, naming them, and for a number that is none.
 */
export function embedded(options: EmbeddedOptions): JobsDriver {
  assertNumbers('jobs', options, { concurrency: 1, leaseMs: 1, pollMs: 1 })
  assertMethods('jobs', 'store', options.store, STORE_METHODS, ['health', 'subscribe', 'enqueueIn'])
  if (typeof options.store.name !== 'string' || options.store.name.trim() === '') {
    throw new ConfigError('[msc/jobs] `store` has no name.', { code: 'OPTION_INVALID', hint: 'Give it a `name`.' })
  }
  const { retention = {} } = options
  assertNumbers('jobs', retention, { keep: 0 }, 'retention')
  const { store, concurrency = 10, leaseMs = 10_000, pollMs = 1000, clock = systemClock } = options
  const { completed = '7d', failed = '30d', keep = 100_000 } = retention
  const completedMs = durationOption('jobs', 'retention.completed', completed, LONGEST)
  const failedMs = durationOption('jobs', 'retention.failed', failed, LONGEST)
  let host: JobHost | undefined
  let jobs = new Map<string, AnyJob>()
  let closing = false
  /** Later: the runs that `close` waits for may still send. */
  let closed = false

  const bound = (): JobHost => {
    if (!host) {
      throw new ConfigError('[msc/jobs] [embedded] The driver is not bound to an engine.', {
        code: 'JOBS_NOT_BOUND',
        hint: 'Pass it to createJobs, and use what that returns.',
      })
    }
    return host
  }
  const refuse = (isClosed: boolean): void => {
    if (isClosed) throw closedError('embedded')
  }

  const enqueue = async (
    arrivals: readonly Arrival[],
    events: readonly OutgoingEvent[],
    transaction?: unknown,
  ): Promise<void> => {
    const keys = gateKeys(arrivals)
    const delivered = events.map(({ carrier: _carrier, ...event }) => event)
    const closedRuns = new Set<string>()
    for (let attempt = 0; attempt < CONTENTION; attempt++) {
      const gates = new Map<string, Gate>()
      if (keys.length > 0)
        for (const [index, gate] of (await store.gates(keys)).entries()) gates.set(keys[index] as string, gate)
      const now = clock.now()
      const admitted = admit(arrivals, gates, closedRuns, now)
      const batch = { ...admitted, events: delivered, now }
      if (transaction === undefined ? await store.enqueue(batch) : await store.enqueueIn?.(transaction, batch)) return
      // Of what was to be amended, one may have started; it does not hurt to start anew for another.
      if (attempt > 2) for (const { id } of admitted.amend ?? []) closedRuns.add(id)
    }
    throw new DriverError(store.name, 'Too many processes change the same throttle, debounce or batch at once.', {
      code: 'CONTENDED',
      retryable: true,
    })
  }

  const arrivalsOf = (events: readonly OutgoingEvent[]): Arrival[] =>
    events.flatMap(({ carrier, ...event }) =>
      [...jobs.values()].filter((job) => listensTo(job, event.name)).map((job) => ({ job, event, carrier })),
    )

  const carry: WorkerOptions['carry'] = async (claimed, hands) => {
    const { run, epoch } = claimed
    const job = jobs.get(run.job)
    if (!job) {
      // Another version of the program may know it: look again later rather than fail it.
      const park = { wakeAt: clock.now() + 60_000, attempt: run.attempt }
      await store.write({ id: run.id, epoch, now: clock.now(), park })
      return
    }
    await withCarrier(run.carrier, () => bound().during(() => execute(job, claimed, hands)))
  }

  const execute = async (
    job: AnyJob,
    claimed: ClaimedRun,
    { signal, draining, write }: Parameters<WorkerOptions['carry']>[1],
  ): Promise<void> => {
    const { run } = claimed
    const operation = startOperation('jobs.run')
    const ports: ExecutePorts = {
      signal,
      draining,
      reportAbort: (error, step) => reportFailure('abort a step', error, { job: job.id, runId: run.id, step }),
      store: { write },
      clock,
      log: prefixed(bound().log, `${job.id} ${run.id}`),
      send: (events) => bound().send(events),
      async spawn(other, data, key): Promise<NewRun> {
        const known = jobs.get(other.id)
        if (!known) {
          throw new ConfigError(`[msc/jobs] ${other.id} is not among the jobs of this engine.`, {
            code: 'JOB_UNKNOWN',
            hint: 'Add it to `jobs` of createJobs.',
          })
        }
        const id = invokedId(run.id, key)
        const event = { id, name: INVOKED, data: await bound().payload(known, data), ts: clock.now() }
        return {
          ...runFor({ job: known, event, carrier: run.carrier }, clock.now()),
          id,
          parent: { runId: run.id, key },
        }
      },
      watchStep() {
        const step = startOperation('jobs.step')
        return {
          run: step.run,
          end: ({ key, attempts, error }, ended) =>
            step.end({
              job: job.id,
              runId: run.id,
              step: key,
              attempt: attempts,
              outcome: ended,
              ...(error && { error: error.message }),
            }),
        }
      },
      onRunEnd: (info, error) => bound().onRunEnd(info, error),
    }
    const outcome = await operation.run(() => executeRun(job, claimed, ports))
    if (outcome !== 'lost') operation.end({ job: job.id, runId: run.id, outcome })
  }

  const reportFailure: WorkerOptions['reportFailure'] = (operation, error, details) =>
    host?.report(error, operation, details)
  const worker: Worker = createWorker({
    store,
    concurrency,
    leaseMs,
    pollMs,
    clock,
    carry,
    reportFailure,
    retention: (now) => ({
      now,
      completedBefore: now - completedMs,
      failedBefore: now - failedMs,
      keep,
    }),
  })
  const schedulePorts: SchedulePorts = {
    store,
    clock,
    reportFailure,
    async start(job, event, carrier, gates) {
      const run = runFor({ job, event, carrier }, clock.now())
      if (await store.enqueue({ runs: [run], events: [], gates, now: clock.now() })) worker.wake()
    },
  }
  let closeSchedule = (): void => undefined

  return {
    specificationVersion: 1,
    name: store.name,
    ...(store.endpoint !== undefined && { endpoint: store.endpoint }),
    ...(store.variables && { variables: store.variables }),
    capabilities: { selfDriven: true },
    bind(given) {
      host = given
      jobs = new Map(given.jobs.map((job) => [job.id, job]))
    },
    async send(events) {
      refuse(closed)
      await enqueue(arrivalsOf(events), events)
      worker.wake()
    },
    ...(store.enqueueIn && {
      async sendIn(transaction: unknown, events: readonly OutgoingEvent[]) {
        refuse(closed)
        await enqueue(arrivalsOf(events), events, transaction)
        worker.wake()
      },
    }),
    async start() {
      refuse(closing)
      await worker.start()
      const scheduled = [...jobs.values()].filter(({ triggers }) => triggers.some((trigger) => 'cron' in trigger))
      if (scheduled.length === 0) return
      // With it comes the parser of expressions, which most processes have no use for.
      const { createSchedule } = await import('../schedule.ts')
      if (closing) return
      const schedule = createSchedule(schedulePorts)
      closeSchedule = schedule.close
      schedule.start(scheduled)
    },
    observe: {
      async runs(query) {
        const found = await store.list(query)
        if (query.eventId === undefined) return found.map((run) => toRunInfo(run))
        // Few: one for each job that listens. Their steps say what goes wrong while it is still tried again.
        return Promise.all(
          found.map(async (run) => {
            const latest = await store.get(run.id)
            return latest ? toRunInfo(latest.run, latest.steps) : toRunInfo(run)
          }),
        )
      },
      async run(id) {
        const found = await store.get(id)
        return found && toRunInfo(found.run, found.steps)
      },
      async cancel(id) {
        const cancelled = await store.cancel(id, clock.now())
        worker.drop(id)
        if (cancelled) worker.wake()
        return cancelled
      },
      async replay(id, fromStep) {
        const found = await store.get(id)
        const run = replayOf(id, found, fromStep, `${id}~${sortableId(clock.now())}`, clock.now())
        await store.enqueue({ runs: [run], events: [], now: clock.now() })
        worker.wake()
        return run.id
      },
      depth: () => store.depth(),
      async pause(job, paused) {
        await store.pause(job, paused)
        if (!paused) worker.wake()
      },
    },
    async health() {
      refuse(closing)
      if (store.health) await store.health()
      else await store.nextDue()
    },
    async close() {
      if (closing) return
      closing = true
      await inTurn(
        () => closeSchedule(),
        () => worker.close(),
        () => (closed = true),
        () => store.close(),
      )
    },
  }
}
