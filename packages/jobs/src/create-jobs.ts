import {
  ConfigError,
  MscError,
  ValidationError,
  carrier,
  deadline,
  emit,
  sortableId,
  systemClock,
  toError,
  validate,
  type Clock,
  type Health,
  type Service,
} from '@msc/core'
import type { AnyJob, EventInput } from './define-job.ts'
import type { JobsDriver, OutgoingEvent, RunInfo, RunQuery } from './driver.ts'

/** Definitions of any payload; their handlers are called with what their schema returned. */
export type JobList = readonly { readonly id: string }[]

export interface JobsOptions {
  readonly jobs: JobList
  readonly driver: JobsDriver
  /** Milliseconds to store an event. Default 5 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Told once of each run that has failed for good, with its steps. Default: a line on the console. */
  readonly onError?: (error: Error, run: RunInfo) => void
}

/** Bytes of one event's data as JSON. */
export const MAX_EVENT_BYTES: number = 512 * 1024

export interface Jobs extends Service {
  readonly concern: 'jobs'
  /**
   * Stores an event; when it resolves, the jobs that listen will run. Sending the same `id` again starts nothing.
   *
   * @throws ValidationError for an unknown event, data that is not valid or larger than 512 KiB: nothing is stored.
   * @throws DriverError or DeadlineError while the backend is away. Send again with the same `id`.
   */
  send(name: string, data: unknown, options?: { readonly id?: string }): Promise<{ ids: string[] }>
  /** Begins to run jobs here, where the driver does that. */
  start(): Promise<void>
  /** The route that the vendor calls (`/api/inngest`); a 404 problem where nobody calls. */
  handler(request: Request): Promise<Response>
  /** @throws ConfigError where the vendor keeps the runs to itself, as for the next two. */
  runs(query?: RunQuery): Promise<RunInfo[]>
  run(id: string): Promise<RunInfo | undefined>
  /** False when the run has ended already or does not exist. */
  cancel(id: string): Promise<boolean>
}

export function createJobs(options: JobsOptions): Jobs {
  const { driver, timeoutMs = 5000, clock = systemClock, onError } = options
  const jobs = options.jobs as readonly AnyJob[]
  const ids = new Set<string>()
  for (const job of jobs) {
    if (ids.has(job.id)) throw new ConfigError(`[msc/jobs] Two jobs have the id ${job.id}.`, { code: 'JOB_DUPLICATE' })
    ids.add(job.id)
  }
  const stats = { sent: 0, completed: 0, failed: 0 }

  const prepare = async ({ name, data, id }: EventInput): Promise<OutgoingEvent> => {
    const listeners = jobs.filter((job) => job.triggers.some((trigger) => trigger.event === name))
    if (listeners.length === 0) {
      throw new ValidationError(`[msc/jobs] No job listens to ${JSON.stringify(name)}.`, [], {
        code: 'JOB_EVENT_UNKNOWN',
        hint: `Known events: ${[...new Set(jobs.flatMap((job) => job.triggers.map((trigger) => trigger.event)))].join(', ') || 'none'}.`,
      })
    }
    const text = JSON.stringify(data ?? null)
    if (new TextEncoder().encode(text).length > MAX_EVENT_BYTES) {
      throw new ValidationError(`[msc/jobs] The data of ${name} is larger than ${MAX_EVENT_BYTES} bytes.`, [], {
        code: 'JOB_EVENT_TOO_LARGE',
        hint: 'Store the data and send a reference to it.',
      })
    }
    for (const { schema } of listeners) if (schema) await validate(schema, data, `Data of ${name}`)
    return {
      id: id ?? sortableId(clock.now()),
      name,
      data: JSON.parse(text) as unknown,
      ts: clock.now(),
      carrier: carrier(),
    }
  }

  const sendAll = async (events: readonly EventInput[]): Promise<string[]> => {
    const name = events.map((event) => event.name).join(', ')
    const prepared: OutgoingEvent[] = []
    for (const event of events) prepared.push(await prepare(event))
    const from = clock.monotonic()
    try {
      await deadline((signal) => driver.send(prepared, signal), {
        operation: `[msc/jobs] [${driver.name}] send`,
        timeoutMs,
        clock,
      })
      stats.sent += prepared.length
      emit('jobs.send', { event: name, outcome: 'ok' }, from)
      return prepared.map((event) => event.id)
    } catch (error) {
      emit('jobs.send', { event: name, outcome: 'error' }, from)
      throw error
    }
  }

  driver.bind({
    jobs: jobs.map(validated),
    send: sendAll,
    onRunEnd(run, error) {
      stats[run.status === 'completed' ? 'completed' : 'failed'] += 1
      if (!error) return
      try {
        if (onError) onError(error, run)
        else console.error(`[msc/jobs] ${run.job} failed for good: ${error.message}`)
      } catch {
        // A broken reporter must not fail the worker.
      }
    },
  })

  const observed = <T>(
    operation: 'runs' | 'run' | 'cancel',
    call: ((signal: AbortSignal) => Promise<T>) | undefined,
  ): Promise<T> => {
    if (!call) {
      throw new ConfigError(
        `[msc/jobs] [${driver.name}] does not offer ${operation}; look in the vendor's dashboard.`,
        {
          code: 'JOBS_NOT_OBSERVABLE',
        },
      )
    }
    return deadline(call, { operation: `[msc/jobs] [${driver.name}] ${operation}`, timeoutMs, clock })
  }

  const self: Jobs = {
    concern: 'jobs',
    driverName: driver.name,
    send: async (name, data, { id } = {}) => ({
      ids: await sendAll([id === undefined ? { name, data } : { name, data, id }]),
    }),
    start: () => driver.start(),
    async handler(request) {
      if (driver.handler) return driver.handler(request)
      return new Response(
        JSON.stringify({ type: 'about:blank', title: 'Jobs run inside this process; nobody calls them', status: 404 }),
        {
          status: 404,
          headers: { 'content-type': 'application/problem+json' },
        },
      )
    },
    runs: async (query = {}) =>
      observed('runs', driver.runs && ((signal) => driver.runs?.(query, signal) as Promise<RunInfo[]>)),
    run: async (id) =>
      observed('run', driver.run && ((signal) => driver.run?.(id, signal) as Promise<RunInfo | undefined>)),
    cancel: async (id) =>
      observed('cancel', driver.cancel && ((signal) => driver.cancel?.(id, signal) as Promise<boolean>)),
    async health({ timeoutMs: budget = 2000 } = {}): Promise<Health> {
      const from = clock.monotonic()
      const base = { concern: 'jobs', driver: driver.name, stats: { jobs: jobs.length, ...stats } }
      try {
        await deadline((signal) => driver.health(signal), { operation: '[msc/jobs] health', timeoutMs: budget, clock })
        return { ...base, status: 'ready', latencyMs: clock.monotonic() - from }
      } catch (error) {
        return { ...base, status: 'down', latencyMs: clock.monotonic() - from, detail: toError(error).message }
      }
    },
    async flush() {
      // An event is stored before `send` resolves; nothing is buffered.
    },
    close: () => driver.close(),
  }
  return self
}

/** The job with its payload checked again: what was queued by an older version may not fit this one. */
function validated(job: AnyJob): AnyJob {
  const { schema, handler } = job
  if (!schema) return job
  return {
    ...job,
    handler: async (context) => {
      const data = await validate<unknown>(schema, context.event.data, `Data of ${context.event.name}`).catch(
        (error: unknown) => {
          // It will not become valid by waiting.
          throw MscError.isInstance(error) ? Object.assign(error, { code: 'JOB_NON_RETRIABLE' }) : error
        },
      )
      return handler({ ...context, event: { ...context.event, data: data as never } })
    },
  }
}
