import {
  ConfigError,
  DriverError,
  emit,
  randomHex,
  systemClock,
  toError,
  withCarrier,
  type CancelTimer,
  type Clock,
} from '@msc/core'
import type { AnyJob } from '../define-job.ts'
import type { JobHost, JobsDriver, OutgoingEvent } from '../driver.ts'
import { executeRun } from '../execute-run.ts'
import { toRunInfo, type ClaimedRun, type JobStore, type NewRun } from '../store.ts'

export interface EmbeddedOptions {
  readonly store: JobStore
  /** Runs at a time. Default 10. */
  readonly concurrency?: number
  /** How long a silent worker keeps a run. Default 10 s; renewed while the run goes on. */
  readonly leaseMs?: number
  /** How often to look for runs that another process has queued. Default 1 s. */
  readonly pollMs?: number
  readonly clock?: Clock
}

/**
 * The replay engine in this process over a store. What is sent here starts at once; what another process queues is found
 * by polling. A run whose worker was killed is taken over at once when that worker was on this machine, else when its
 * lease ends.
 */
export function embedded(options: EmbeddedOptions): JobsDriver {
  const { store, concurrency = 10, leaseMs = 10_000, pollMs = 1000, clock = systemClock } = options
  const owner = workerId()
  const running = new Map<string, AbortController>()
  const finishing = new Set<Promise<void>>()
  let host: JobHost | undefined
  let jobs = new Map<string, AnyJob>()
  let started = false
  let closing = false
  let timer: CancelTimer | undefined
  let pumping: Promise<void> | undefined
  let again = false

  const bound = (): JobHost => {
    if (!host)
      throw new ConfigError('[msc/jobs] [embedded] The driver is not bound to an engine; pass it to createJobs.')
    return host
  }

  /** Claims and starts what is due. One at a time; a call while it runs makes it look once more. */
  const pump = (): void => {
    if (!started || closing) return
    again = true
    pumping ??= (async () => {
      while (again) {
        again = false
        if (closing) return
        timer?.()
        const free = concurrency - running.size
        if (free > 0) {
          const claimed = await store.claim(owner, clock.now(), leaseMs, free)
          for (const run of claimed) begin(run)
          if (claimed.length === free) again = true
        }
        const due = await store.nextDue()
        const inMs = due === undefined ? pollMs : Math.min(pollMs, Math.max(1, due - clock.now()))
        if (!closing) timer = clock.setTimeout(pump, running.size >= concurrency ? pollMs : inMs)
      }
    })()
      .catch((error: unknown) => {
        console.error(`[msc/jobs] [${store.name}] ${toError(error).message}`)
        if (!closing) timer = clock.setTimeout(pump, pollMs)
      })
      .finally(() => {
        pumping = undefined
        if (again) pump()
      })
  }

  const begin = (claimed: ClaimedRun): void => {
    const { run, token } = claimed
    const abort = new AbortController()
    running.set(run.id, abort)
    const done = withCarrier(run.carrier, () => carry(claimed, abort.signal))
      .catch((error: unknown) => console.error(`[msc/jobs] Run ${run.id} of ${run.job}: ${toError(error).message}`))
      .finally(() => {
        stopRenewing()
        running.delete(run.id)
        finishing.delete(done)
        pump()
      })
    finishing.add(done)

    let renewal: CancelTimer | undefined
    const renewLater = (): void => {
      renewal = clock.setTimeout(() => {
        store.renew(run.id, token, clock.now() + leaseMs).then(
          (ours) => (ours ? renewLater() : abort.abort()),
          // The store is away: the lease decides, and every write is fenced anyway.
          () => renewLater(),
        )
      }, leaseMs / 3)
    }
    const stopRenewing = (): void => {
      renewal?.()
      abort.abort()
    }
    renewLater()
  }

  const carry = async (claimed: ClaimedRun, signal: AbortSignal): Promise<void> => {
    const { run, token } = claimed
    const from = clock.monotonic()
    const job = jobs.get(run.job)
    if (!job) {
      // Another version of the program may know it: look again later rather than fail it.
      await store.park(run.id, token, { wakeAt: clock.now() + 60_000, attempt: run.attempt })
      return
    }
    const outcome = await executeRun(job, claimed, {
      store,
      clock,
      signal,
      send: (events) => bound().send(events),
      onStep: (step, stepOutcome, durationMs) => {
        const attributes = { job: job.id, runId: run.id, step: step.key, attempt: step.attempts, outcome: stepOutcome }
        emit(
          'jobs.step',
          { ...attributes, ...(step.error && { error: step.error.message }) },
          systemClock.monotonic() - durationMs,
        )
      },
      onRunEnd: (info, error) => bound().onRunEnd(info, error),
    })
    if (outcome !== 'lost') emit('jobs.run', { job: job.id, runId: run.id, outcome }, from)
  }

  return {
    specificationVersion: 1,
    name: store.name,
    capabilities: { selfDriven: true, observable: true },
    bind(given) {
      host = given
      jobs = new Map(given.jobs.map((job) => [job.id, job]))
    },
    async send(events) {
      if (closing) throw new DriverError('embedded', 'The worker is closed.', { code: 'DRIVER_CLOSED' })
      await store.enqueue(events.flatMap((event) => runsFor(event, jobs.values())))
      pump()
    },
    async start() {
      if (started) return
      started = true
      await store.releaseDead((each) => each !== owner && isAlive(each))
      pump()
    },
    runs: async (query) => (await store.list(query)).map((run) => toRunInfo(run)),
    async run(id) {
      const found = await store.get(id)
      return found && toRunInfo(found.run, found.steps)
    },
    async cancel(id) {
      const cancelled = await store.cancel(id, clock.now())
      running.get(id)?.abort()
      return cancelled
    },
    async health() {
      if (closing) throw new DriverError('embedded', 'The worker is closed.', { code: 'DRIVER_CLOSED' })
      await store.counts()
    },
    async close() {
      if (closing) return
      closing = true
      timer?.()
      await pumping
      // A step that is running may finish; one that takes longer is another worker's once the lease ends.
      const patience = clock.setTimeout(() => running.forEach((abort) => abort.abort()), leaseMs)
      await Promise.allSettled(finishing)
      patience()
      await store.close()
    },
  }
}

/** One run for each job that listens, under an id made of the event's: sending it twice inserts nothing new. */
function runsFor(event: OutgoingEvent, jobs: Iterable<AnyJob>): NewRun[] {
  const { carrier, ...rest } = event
  return [...jobs]
    .filter((job) => job.triggers.some((trigger) => trigger.event === event.name))
    .map((job) => ({ id: `${event.id}.${job.id}`, job: job.id, event: rest, carrier, createdAt: event.ts }))
}

interface Host {
  readonly pid?: number
  readonly getBuiltinModule?: (id: string) => { hostname?: () => string } | undefined
}

const here = (): Host => (globalThis as { process?: Host }).process ?? {}

/** `host/pid/random`. */
function workerId(): string {
  const hostname = here().getBuiltinModule?.('node:os')?.hostname?.() ?? 'unknown'
  return `${hostname}/${here().pid ?? 0}/${randomHex(4)}`
}

/** False only when it is certain: a process of this machine that is gone. */
function isAlive(owner: string): boolean {
  const [hostname, pid] = owner.split('/')
  if (hostname !== workerId().split('/')[0]) return true
  // This very process: an earlier worker of it, which was closed or lost with its bundle.
  if (Number(pid) === here().pid) return true
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}
