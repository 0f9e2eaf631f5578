import {
  ConfigError,
  UnavailableError,
  ValidationError,
  assertDriver,
  assertNumbers,
  createCalls,
  createService,
  deadline,
  driverShape,
  emit,
  readField,
  redact,
  runReported,
  systemClock,
  toError,
  withoutScope,
  type Clock,
  type DriverContract,
  type ErrorReporter,
  type Service,
} from '@msc/core'
import { problem } from '@msc/core/http-request'
import type { JobLog } from './context.ts'
import type { AnyJob, EventInput, EventType } from './define-job.ts'
import type { Depth, JobsDriver, JobsObserver, OutgoingEvent, RunInfo, RunQuery } from './driver.ts'
import type { Failure } from './errors.ts'
import { checked, invoked, isEventId, outgoing } from './payloads.ts'
import { createRunCalls } from './run-calls.ts'

/** Definitions of any payload; their handlers are called with what their schema returned. */
export type JobList = readonly { readonly id: string }[]

export interface JobsOptions {
  readonly jobs: JobList
  readonly driver: JobsDriver
  /** Events that no job is started by, but that some wait for or are cancelled by. */
  readonly events?: readonly (string | EventType<never>)[]
  /** Milliseconds to store an event. Default 5 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /**
   * Told of every failure that nobody awaits: once of each run that has failed for good (`operation: 'run'`, with `job`,
   * `runId` and `run`, which has the steps), and of what the worker could not do (`claim`, `heartbeat`, `schedule`).
   * Default: the reporter of the process (`setErrorReporter` of @msc/core), else the console.
   */
  readonly onError?: ErrorReporter
  /** Where `log` of the handlers goes. Default: the console, redacted. */
  readonly log?: JobLog
}

export interface SendOptions {
  /** The same id again starts nothing. Default: a new one. */
  readonly id?: string
  /** Milliseconds since the epoch: when it happened. A time to come delays the runs until then. Default: now. */
  readonly ts?: number
  /**
   * A transaction of the caller's: the event is sent when it commits, and never when it does not. Anything with
   * `query(text, values)`; only where the store is in the same Postgres.
   */
  readonly transaction?: unknown
}

export interface Jobs extends Service {
  readonly concern: 'jobs'
  /** Does this process run the jobs, once started (true), or does the vendor call `handler` (false)? */
  readonly selfDriven: boolean
  /**
   * Stores an event; when it resolves, the jobs that listen will run. Sending the same `id` again starts nothing.
   *
   * @throws ValidationError for an unknown event, data that is not valid or larger than 512 KiB: nothing is stored.
   * @throws DriverError or DeadlineError while the backend is away. Send again with the same `id`.
   * @throws ConfigError `JOBS_CLOSED` once `close` was called, but for a run of these jobs that `close` still waits for.
   */
  send<Data>(event: string | EventType<Data>, data: NoInfer<Data>, options?: SendOptions): Promise<{ ids: string[] }>
  /** Several events, all stored or none. */
  sendMany(events: readonly EventInput[], options?: Pick<SendOptions, 'transaction'>): Promise<{ ids: string[] }>
  /** Begins to run jobs here, where the driver does that. */
  start(): Promise<void>
  /** The route that the vendor calls (`/api/inngest`); a 404 problem where nobody calls. */
  handler(request: Request): Promise<Response>
  /**
   * The latest first, as the engine has them, whatever telemetry says. With `eventId`, what has become of one event: empty
   * when no job listens to it, when its runs are deleted by now, and, for a moment, on a vendor that has not started them.
   *
   * @throws ConfigError `JOBS_NOT_OBSERVABLE` where the vendor keeps this to itself, as for those that follow. Inngest answers
   *   for one event.
   * @throws UnavailableError while the backend is away or does not answer within the deadline, as those that follow:
   *   nothing is known of the runs then, which is not the same as that there are none.
   */
  runs(query?: RunQuery): Promise<RunInfo[]>
  /** With its steps; `undefined` when there is none. */
  run(id: string): Promise<RunInfo | undefined>
  /** What is running finishes its step, and nothing is rolled back. False when it has ended or does not exist. */
  cancel(id: string): Promise<boolean>
  /**
   * Runs an ended run's event again, as a run of its own; with `fromStep`, what was completed before that step is kept.
   *
   * @throws ValidationError when the run goes on or does not exist, or has no such step.
   */
  replay(id: string, options?: { readonly fromStep?: string }): Promise<{ id: string }>
  /** The runs that have failed for good: `runs({ status: 'failed' })`. */
  deadLetters(query?: Omit<RunQuery, 'status'>): Promise<RunInfo[]>
  /** What there is to do, by job. */
  depth(): Promise<Depth[]>
  /** Starts and resumes no run of a job, or of all; what is running goes on until it parks. */
  pause(job?: string): Promise<void>
  resume(job?: string): Promise<void>
}

const CONTRACT: DriverContract<JobsDriver> = {
  concern: 'jobs',
  version: 1,
  methods: ['bind', 'send', 'start'],
  optional: ['sendIn', 'handler'],
  shape: driverShape({
    groups: { observe: ['runs'] },
    fields: { 'capabilities.selfDriven': 'boolean' },
  }),
}

function assertJobs(jobs: unknown): void {
  if (Array.isArray(jobs) && jobs.every((job) => typeof readField(job, 'id') === 'string')) return
  throw new ConfigError('[msc/jobs] `jobs` is not a list of jobs.', {
    code: 'OPTION_INVALID',
    hint: 'Pass what `defineJob` returns: { jobs: [renewal] }.',
  })
}

/** @throws ConfigError for a driver that does not keep the contract, and for two jobs of one id. */
export function createJobs(options: JobsOptions): Jobs {
  assertNumbers('jobs', options, { timeoutMs: 1 })
  const { timeoutMs = 5000, clock = systemClock, log = consoleLog } = options
  const driver = assertDriver(CONTRACT, options.driver)
  assertJobs(options.jobs)
  const jobs = options.jobs as readonly AnyJob[]
  const awaited = new Set((options.events ?? []).map((event) => (typeof event === 'string' ? event : event.event)))
  const ids = new Set<string>()
  for (const job of jobs) {
    if (ids.has(job.id)) throw new ConfigError(`[msc/jobs] Two jobs have the id ${job.id}.`, { code: 'JOB_DUPLICATE' })
    ids.add(job.id)
    for (const { event } of job.cancelOn) awaited.add(event)
  }
  const stats = { sent: 0, completed: 0, failed: 0 }
  const { breaker, call } = createCalls({ concern: 'jobs', driver: driver.name, clock })
  const { service, report, assertOpen } = createService({
    concern: 'jobs',
    driver,
    clock,
    onError: options.onError,
    breaker,
    stats: () => ({ jobs: jobs.length, ...stats }),
    // An event is stored before `send` resolves, so there is nothing to flush; closing waits for the steps that run.
    close: () => driver.close(),
    budgetMs: 15_000,
  })

  const runCalls = createRunCalls()
  /** While `close` waits for a run, that may finish what it does; everybody else is refused. */
  const assertUsable = (): void => {
    if (!runCalls.isWithin()) assertOpen()
  }

  const sendAll = async (events: readonly EventInput[], transaction?: unknown): Promise<string[]> => {
    const name = events.map((event) => event.name).join(', ')
    const sendIn = driver.sendIn?.bind(driver)
    if (transaction !== undefined && !sendIn) {
      throw new ConfigError(`[msc/jobs] [${driver.name}] can not send inside a transaction of yours.`, {
        code: 'JOBS_NOT_TRANSACTIONAL',
        hint: 'Use the Postgres store in the database of the transaction.',
      })
    }
    const prepared: OutgoingEvent[] = []
    for (const event of events) prepared.push(await outgoing(jobs, awaited, event, clock.now()))
    const from = clock.monotonic()
    try {
      if (sendIn && transaction !== undefined) {
        // Past the breaker: a transaction of the caller's that is broken says nothing about the store.
        const operation = `[msc/jobs] [${driver.name}] send`
        await deadline((signal) => sendIn(transaction, prepared, signal), { operation, timeoutMs, clock })
      } else await call('send', timeoutMs, (signal) => driver.send(prepared, signal))
      stats.sent += prepared.length
      emit('jobs.send', { event: name, outcome: 'ok' }, from)
      return prepared.map((event) => event.id)
    } catch (error) {
      emit('jobs.send', { event: name, outcome: 'error' }, from)
      throw error
    }
  }

  const bound: unknown = driver.bind({
    jobs: jobs.map(checked),
    log,
    send: sendAll,
    payload: invoked,
    during: runCalls.during,
    onRunEnd(run, error) {
      stats[run.status === 'completed' ? 'completed' : 'failed'] += 1
      if (error) report(error, 'run', { job: run.job, runId: run.id, run })
    },
    report,
  })
  // It returns nothing; one that is `async` all the same must not fail unheard.
  runReported(() => bound, { concern: 'jobs', driver: driver.name, operation: 'bind' }, options.onError)

  /** Calls what only some drivers have, within the deadline. */
  const observe = async <Name extends keyof JobsObserver, T>(
    operation: Name,
    look: (call: NonNullable<JobsObserver[Name]>, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    assertUsable()
    const { observe: observer } = driver
    const method = observer?.[operation]
    if (!method) {
      throw new ConfigError(
        `[msc/jobs] [${driver.name}] does not offer ${operation}; look in the vendor's dashboard.`,
        { code: 'JOBS_NOT_OBSERVABLE' },
      )
    }
    try {
      return await call(operation, timeoutMs, (signal) =>
        look(method.bind(observer) as NonNullable<JobsObserver[Name]>, signal),
      )
    } catch (error) {
      if (readField(error, 'retryable') !== true || readField(error, 'code') === 'CONTENDED') throw error
      throw unavailable(driver.name, operation, error)
    }
  }
  const known = (job: string): void => {
    if (job !== '*' && !ids.has(job)) {
      throw new ConfigError(`[msc/jobs] There is no job ${JSON.stringify(job)}.`, {
        code: 'JOB_UNKNOWN',
        hint: 'Use the id of one of the jobs that createJobs was given, or * for all.',
      })
    }
  }

  const self: Jobs = {
    ...service,
    selfDriven: driver.capabilities.selfDriven,
    send: async (event, data, { id, ts, transaction } = {}) => {
      assertUsable()
      const name = typeof event === 'string' ? event : event.event
      return {
        ids: await sendAll(
          [{ name, data, ...(id !== undefined && { id }), ...(ts !== undefined && { ts }) }],
          transaction,
        ),
      }
    },
    async sendMany(events, { transaction } = {}) {
      assertUsable()
      return { ids: await sendAll(events, transaction) }
    },
    async start() {
      assertOpen()
      // Workers outlive the request that happened to start them.
      await withoutScope(() => driver.start())
    },
    async handler(request) {
      if (!driver.handler) {
        return problem({ status: 404, title: 'Jobs run inside this process; nobody calls them', code: 'NOT_FOUND' })
      }
      try {
        return await driver.handler(request)
      } catch (error) {
        // The caller tries again, and another process answers.
        if (readField(error, 'code') === 'DRIVER_CLOSED') {
          return problem({ status: 503, title: 'This process is ending', code: 'CLOSING', retryAfterMs: 5000 })
        }
        // The SDK reads the body before it checks the signature, so anybody can send this.
        if (readField(error, 'name') === 'SyntaxError') {
          return problem({ status: 400, title: 'The body is not JSON', code: 'BODY_MALFORMED' })
        }
        report(error, 'handler')
        return problem({ status: 500, title: 'The request could not be answered', code: 'INTERNAL' })
      }
    },
    async runs(query = {}) {
      assertEventId(query)
      return observe('runs', async (runs, signal) => (await runs(query, signal)).map(redacted))
    },
    run: (id) =>
      observe('run', async (run, signal) => {
        const found = await run(id, signal)
        return found && redacted(found)
      }),
    cancel: (id) => observe('cancel', (cancel, signal) => cancel(id, signal)),
    replay: (id, { fromStep } = {}) =>
      observe('replay', async (replay, signal) => ({ id: await replay(id, fromStep, signal) })),
    deadLetters: (query = {}) => self.runs({ ...query, status: 'failed' }),
    depth: () => observe('depth', (depth, signal) => depth(signal)),
    async pause(job = '*') {
      known(job)
      await observe('pause', (pause, signal) => pause(job, true, signal))
    },
    async resume(job = '*') {
      known(job)
      await observe('pause', (pause, signal) => pause(job, false, signal))
    },
  }
  return self
}

/** An id that got lost on the way would list the runs of everybody. */
function assertEventId(query: RunQuery): void {
  const { eventId } = query
  if (!('eventId' in query) || (typeof eventId === 'string' && isEventId(eventId))) return
  throw new ValidationError('[msc/jobs] `eventId` is none that an event can have.', [], {
    code: 'JOB_ARGUMENT_INVALID',
  })
}

function unavailable(driver: string, operation: string, cause: unknown): UnavailableError {
  const hint = readField(cause, 'hint')
  return new UnavailableError(`[msc/jobs] [${driver}] ${operation} has no answer: ${toError(cause).message}`, {
    code: 'JOBS_UNAVAILABLE',
    hint: typeof hint === 'string' ? hint : 'Say that the state is not known, and ask again.',
    cause,
  })
}

/** What runs say of their errors is shown to people, and may repeat what they were given. */
function redacted(run: RunInfo): RunInfo {
  const clean = <T extends { readonly error?: Failure }>(given: T): T =>
    given.error ? { ...given, error: redact(given.error) } : given
  return clean(run.steps ? { ...run, steps: run.steps.map(clean) } : run)
}

const say =
  (level: keyof JobLog): JobLog[keyof JobLog] =>
  (message, data) =>
    data === undefined ? console[level](redact(message)) : console[level](redact(message), redact(data))

const consoleLog: JobLog = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
