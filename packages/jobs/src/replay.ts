import { deadline, type Clock } from '@msc/core'
import type { JobContext, JobLog, StepContext, StepOptions, StepTools } from './context.ts'
import type { AnyJob, EventInput, JobDefinition, JobEvent } from './define-job.ts'
import { JobTimeoutError, StepError, type Failure } from './errors.ts'
import { mapSteps } from './map-steps.ts'
import { comparable, valueAt } from './paths.ts'
import { durationOf, endOf, timeOf } from './step-times.ts'
import { createStepKeys } from './step-keys.ts'
import { NEVER, type Awaited, type ClaimedRun, type NewRun, type StepRecord, type WriteResult } from './store.ts'
import { judge, toFailure } from './verdict.ts'

/** What one step adds to what is stored. */
export interface StepChange {
  readonly step: StepRecord
  readonly wait?: Awaited
  readonly spawn?: NewRun
}

/** One attempt of a step, as telemetry sees it. */
interface StepWatch {
  /** What happens in `fn` becomes part of the step. */
  run<T>(fn: () => T): T
  end(step: StepRecord, outcome: 'ok' | 'error' | 'rolled-back'): void
}

/** What replay needs of the outside. */
export interface ReplayPorts {
  /** Takes note of a step, and resolves when it is stored with all before it. Several may be written as one. */
  save(change: StepChange): Promise<WriteResult>
  /** Resolves when all that was noted is stored. */
  saved(): Promise<WriteResult>
  send(events: readonly EventInput[]): Promise<string[]>
  /** The run that `step.invoke` starts. */
  spawn(job: AnyJob, data: unknown, key: string): Promise<NewRun>
  /** Called as an attempt of a step begins, for telemetry. */
  watchStep(): StepWatch
  readonly log: JobLog
  readonly clock: Clock
  /** Aborts when the run is no longer ours. */
  readonly signal: AbortSignal
  /** Aborts when no further step may begin here: another worker goes on. */
  readonly draining: AbortSignal
  /** Told of what a step's listener of its signal throws, when its time is up. */
  readonly reportAbort: (error: unknown, step: string) => void
}

export type Outcome =
  /** The handler returned. `rollbacks` are those of completed steps, the last started first. */
  | { readonly kind: 'returned'; readonly value: unknown; readonly rollbacks: readonly Rollback[] }
  /** `unfinishedAt`: when the first of the steps that it left to be tried again is due. */
  | {
      readonly kind: 'threw'
      readonly error: unknown
      readonly rollbacks: readonly Rollback[]
      readonly unfinishedAt?: number
    }
  /** Nothing can go on before `wakeAt`. */
  | { readonly kind: 'waiting'; readonly wakeAt: number }
  /** Somebody else owns the run, or it was cancelled; or, with an error, the store did not take what was done. */
  | { readonly kind: 'lost'; readonly error?: unknown }

export interface Rollback {
  readonly key: string
  readonly seq: number
  readonly run: () => unknown
}

const forever = (): Promise<never> => new Promise<never>(() => {})

/**
 * One pass through a handler over what is known of its steps. A finished step is answered from the record and never runs
 * again; a new one runs here. What it brought is stored before another step begins, and before the pass ends. The pass
 * ends when the handler has returned or thrown and no step is running, or when all that is left has to wait.
 */
export function replay(job: AnyJob, claimed: ClaimedRun, ports: ReplayPorts): Promise<Outcome> {
  const { run } = claimed
  const { clock } = ports
  const records = new Map(claimed.steps.map((step) => [step.key, step]))
  // What the handler will see of what it did before: until it has, its log stays silent.
  const unseen = new Set([...records.keys()].filter((key) => !key.startsWith('rollback:') && key !== 'on-failure'))
  let seq = claimed.steps.reduce((max, step) => Math.max(max, step.seq + 1), 0)
  const keyOf = createStepKeys()
  const rollbacks: Rollback[] = []
  const deadlineAt = job.timeoutMs === undefined ? undefined : (run.startedAt ?? clock.now()) + job.timeoutMs
  let wakeAt = NEVER
  let waiting = 0
  let unfinishedAt = NEVER
  let active = 0
  // Of those, the writes of steps that are over: what ends the run is written with them.
  let storing = 0
  let ending: { readonly value: unknown } | { readonly error: unknown } | undefined
  let over = false

  return new Promise<Outcome>((resolve) => {
    const finish = (outcome: Outcome): void => {
      if (over) return
      over = true
      ports.signal.removeEventListener('abort', onLost)
      ports.draining.removeEventListener('abort', considerWaiting)
      resolve(outcome)
    }
    const onLost = (): void => finish({ kind: 'lost' })
    if (ports.signal.aborted) return onLost()
    ports.signal.addEventListener('abort', onLost)
    ports.draining.addEventListener('abort', considerWaiting)

    /** A handler has an end, but the steps that it left running are waited for: they may have to be undone. */
    const conclude = (): void => {
      if (!ending || active > storing) return
      const undo = rollbacks.toSorted((a, b) => b.seq - a.seq)
      const left = unfinishedAt === NEVER ? {} : { unfinishedAt }
      if ('error' in ending) finish({ kind: 'threw', error: ending.error, rollbacks: undo, ...left })
      else finish({ kind: 'returned', value: ending.value, rollbacks: undo })
    }

    const idle = (): void => {
      active -= 1
      if (ending) conclude()
      else considerWaiting()
    }

    /**
     * When no step is running and at least one has to wait, the handler may still be between steps. It gets two turns of
     * the event loop to reach its next one; code that takes longer there is repeated by the next pass.
     */
    function considerWaiting(): void {
      if (active > 0 || waiting === 0 || ending || over) return
      setImmediate(() =>
        setImmediate(() => {
          if (active === 0 && !ending && !over) finish({ kind: 'waiting', wakeAt })
        }),
      )
    }

    /** A promise that this pass never settles: its step has to wait. */
    const wait = async (until: number): Promise<never> => {
      if (isOverdue()) throw new JobTimeoutError(job.id, job.timeoutMs as number)
      waiting += 1
      wakeAt = Math.min(wakeAt, until, deadlineAt ?? NEVER)
      considerWaiting()
      return forever()
    }

    /** Whether the pass may go on after a write. */
    const goesOn = async (write: Promise<WriteResult>): Promise<boolean> => {
      active += 1
      const result = await write.catch((error: unknown) => {
        finish({ kind: 'lost', error })
        return undefined
      })
      if (result === 'lost') finish({ kind: 'lost' })
      // What a step waited for came while it was given up: the next pass will see it.
      if (result === 'settled') finish({ kind: 'waiting', wakeAt: clock.now() })
      idle()
      return !over
    }
    const save = async (change: StepChange): Promise<boolean> => {
      if (over) return false
      storing += 1
      const written = ports.save(change)
      return goesOn(written.finally(() => (storing -= 1)))
    }
    const isOverdue = (): boolean => deadlineAt !== undefined && clock.now() >= deadlineAt

    /** What the record of a finished step says, to the handler. */
    const answer = (record: StepRecord): unknown => {
      if (record.status === 'failed') throw new StepError(record.key, record.error as Failure)
      return record.output
    }

    /** Whether a step may begin now. It throws once the run has failed or has taken too long. */
    const mayBegin = async (key: string, again: boolean): Promise<boolean> => {
      // What it failed with stays: nothing new is begun, what was done is undone.
      if (run.failure) throw new StepError(key, run.failure)
      if (isOverdue()) throw new JobTimeoutError(job.id, job.timeoutMs as number)
      if (over || ports.draining.aborted) return false
      // A step that was begun is carried to its end, even if the handler no longer waits for it.
      return (await goesOn(ports.saved())) && (again || !ending)
    }

    /** A step that could not begin: another pass will. */
    const later = (): Promise<never> => (over || ending ? forever() : wait(clock.now()))

    const execute = async <Output>(
      key: string,
      fn: (context: StepContext) => Output | Promise<Output>,
      options: StepOptions<Output>,
    ): Promise<Output> => {
      const known = records.get(key)
      unseen.delete(key)
      const started = { key, seq: known?.seq ?? seq++, startedAt: known?.startedAt ?? clock.now() }
      const undoable = (output: unknown): void => {
        const { rollback } = options
        if (rollback) rollbacks.push({ key, seq: started.seq, run: () => rollback(output as Output) })
      }
      if (known && isSettled(known)) {
        if (known.status === 'completed') undoable(known.output)
        return answer(known) as Output
      }
      const retryAt = async (at: number): Promise<never> => {
        unfinishedAt = Math.min(unfinishedAt, at)
        return wait(at)
      }
      if (known?.wakeAt !== undefined && known.wakeAt > clock.now() && !run.failure) return retryAt(known.wakeAt)
      active += 1
      const began = await mayBegin(key, known !== undefined).catch((error: unknown) => {
        idle()
        throw error
      })
      if (!began) {
        idle()
        return later()
      }

      const watch = ports.watchStep()
      const attempts = (known?.attempts ?? 0) + 1
      let step: StepRecord
      try {
        const output = json(await watch.run(() => attempt(key, fn, attempts, options, ports)))
        step = { ...started, status: 'completed', attempts, endedAt: clock.now(), output }
      } catch (error) {
        const most = Math.min(options.attempts ?? job.attempts, job.attempts)
        const verdict = judge(error, attempts, { ...job, attempts: most })
        const failed = { ...started, attempts, error: toFailure(error) }
        step =
          'final' in verdict
            ? { ...failed, status: 'failed', endedAt: clock.now() }
            : { ...failed, status: 'retrying', wakeAt: clock.now() + verdict.retryInMs }
      }
      if (over) return forever()
      records.set(key, step)
      watch.end(step, step.status === 'completed' ? 'ok' : 'error')
      if (step.status === 'completed') undoable(step.output)
      if (step.status === 'retrying') unfinishedAt = Math.min(unfinishedAt, step.wakeAt as number)
      // Stored before another step begins; the handler may go on to find out whether one does.
      const storing = save({ step })
      idle()
      if (step.status === 'retrying') return (await storing) ? wait(step.wakeAt as number) : forever()
      if (step.error) throw new StepError(key, step.error)
      return step.output as Output
    }

    /** A step that is over when its time has come, or something else has. */
    const suspend = async (
      key: string,
      begin: (started: { readonly seq: number; readonly startedAt: number }) => StepChange | Promise<StepChange>,
      onTime: (record: StepRecord) => StepRecord,
    ): Promise<unknown> => {
      let record = records.get(key)
      unseen.delete(key)
      if (record && isSettled(record)) return answer(record)
      if (!record) {
        const started = { seq: seq++, startedAt: clock.now() }
        // Counted, so that the pass does not end meanwhile: what it begins with may have to be checked first.
        active += 1
        let change: StepChange
        try {
          if (!(await mayBegin(key, false))) return later()
          change = await begin(started)
        } finally {
          idle()
        }
        record = change.step
        records.set(key, record)
        if (!(await save(change))) return forever()
        if (isSettled(record)) return answer(record)
      }
      if (run.failure) throw new StepError(key, run.failure)
      if ((record.wakeAt as number) > clock.now()) return wait(record.wakeAt as number)
      const ended = onTime(record)
      records.set(key, ended)
      if (!(await save({ step: ended }))) return forever()
      return answer(ended)
    }

    const sleepUntil = async (id: string, at: () => number): Promise<void> => {
      const key = keyOf(id)
      await suspend(
        key,
        (started) => ({ step: { key, ...started, status: 'sleeping', attempts: 0, wakeAt: at() } }),
        (record) => done(record, null),
      )
    }
    const done = ({ wakeAt: _wakeAt, ...record }: StepRecord, output: unknown): StepRecord => ({
      ...record,
      status: 'completed',
      endedAt: clock.now(),
      output,
    })

    const step: StepTools = {
      run: (id, fn, options = {}) => execute(keyOf(id), fn, options),
      sleep: (id, time) => sleepUntil(id, () => endOf(clock.now(), time)),
      sleepUntil: (id, time) => sleepUntil(id, () => timeOf(time)),
      async waitForEvent<Data>(id: string, { event, match, timeout }: Parameters<StepTools['waitForEvent']>[1]) {
        const key = keyOf(id)
        const name = typeof event === 'string' ? event : event.event
        const value = match === undefined ? undefined : comparable(valueAt(run.events[0], match))
        return (await suspend(
          key,
          (started) => {
            const until = endOf(clock.now(), timeout)
            const base = { key, ...started, attempts: 0 }
            // What no event can equal is not waited for.
            if (match !== undefined && value === undefined) return { step: done({ ...base, status: 'waiting' }, null) }
            const same = match === undefined ? {} : { path: match, value: value as string }
            return { step: { ...base, status: 'waiting', wakeAt: until }, wait: { event: name, until, ...same } }
          },
          (record) => done(record, null),
        )) as JobEvent<Data> | null
      },
      async invoke<Data, Result>(
        id: string,
        other: JobDefinition<Data, Result>,
        { data, timeout }: { readonly data: Data; readonly timeout?: string | number },
      ) {
        const key = keyOf(id)
        return (await suspend(
          key,
          async (started) => {
            const spawn = await ports.spawn(other as unknown as AnyJob, data, key)
            const until = timeout === undefined ? NEVER : endOf(clock.now(), timeout)
            return { step: { key, ...started, status: 'waiting', attempts: 1, wakeAt: until }, spawn }
          },
          ({ wakeAt: _wakeAt, ...record }) => ({
            ...record,
            status: 'failed',
            endedAt: clock.now(),
            error: { name: 'StepError', message: `${other.id} has not ended in time.` },
          }),
        )) as Result
      },
      sendEvent(id, events) {
        const list = (Array.isArray(events) ? events : [events]) as readonly EventInput[]
        const key = keyOf(id)
        // Ids derived from run and step: a crash between sending and recording sends the same events again.
        const identified = list.map((event, index) => ({ ...event, id: event.id ?? `${run.id}/${key}/${index}` }))
        return execute(key, async () => ({ ids: await ports.send(identified) }), {})
      },
      map: (id, items, fn, options = {}) => mapSteps(step, id, items, fn, options),
    }
    const [event] = run.events
    const log = onceEach(ports.log, () => unseen.size === 0 && !over)
    const context = { event, events: run.events, step, runId: run.id, attempt: run.attempt, log } as JobContext<never>

    const handler = async (): Promise<unknown> => json(await job.handler(context))
    handler().then(
      (value) => {
        ending = { value }
        conclude()
      },
      (error: unknown) => {
        ending = { error }
        conclude()
      },
    )
  })
}

/** One attempt of a step, cut off at its timeout. */
function attempt<Output>(
  key: string,
  fn: (context: StepContext) => Output | Promise<Output>,
  number: number,
  { timeout }: StepOptions<Output>,
  { signal, clock, reportAbort }: Pick<ReplayPorts, 'signal' | 'clock' | 'reportAbort'>,
): Output | Promise<Output> {
  if (timeout === undefined) return fn({ signal, attempt: number })
  return deadline((own) => fn({ signal: own, attempt: number }), {
    operation: `[msc/jobs] Step ${key}`,
    timeoutMs: durationOf(timeout),
    signal,
    clock,
    report: (error) => reportAbort(error, key),
  })
}

function isSettled({ status }: StepRecord): boolean {
  return status === 'completed' || status === 'failed'
}

function onceEach(log: JobLog, now: () => boolean): JobLog {
  const say =
    (level: keyof JobLog) =>
    (message: string, data?: Readonly<Record<string, unknown>>): void => {
      if (now()) log[level](message, data)
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

/** As it will be read back: what JSON does not know is gone, `undefined` is `null`. */
function json(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value
  return JSON.parse(JSON.stringify(value) ?? 'null') as unknown
}
