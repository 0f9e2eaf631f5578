import { duration, type Clock } from '@msc/core'
import type { AnyJob, EventInput, JobContext, StepOptions, StepTools } from './define-job.ts'
import { StepError, type Failure } from './errors.ts'
import { createStepKeys } from './step-keys.ts'
import type { ClaimedRun, StepRecord } from './store.ts'
import { judge, toFailure } from './verdict.ts'

/** What replay needs of the outside. */
export interface ReplayPorts {
  /** Writes a step; false when the run is no longer ours, which ends the pass. */
  saveStep(step: StepRecord): Promise<boolean>
  send(events: readonly EventInput[]): Promise<string[]>
  /** Told of every step that has run, for telemetry. */
  onStep(step: StepRecord, outcome: 'ok' | 'error' | 'rolled-back', durationMs: number): void
  readonly clock: Clock
  readonly signal: AbortSignal
}

export type Outcome =
  /** The handler returned. */
  | { readonly kind: 'returned'; readonly value: unknown }
  /** The handler threw. `rollbacks` are those of completed steps, the last started first. */
  | { readonly kind: 'threw'; readonly error: unknown; readonly rollbacks: readonly Rollback[] }
  /** Nothing can go on before `wakeAt`. */
  | { readonly kind: 'waiting'; readonly wakeAt: number }
  /** Somebody else owns the run, or it was cancelled. */
  | { readonly kind: 'lost' }

export interface Rollback {
  readonly key: string
  readonly seq: number
  readonly run: () => unknown
}

/**
 * One pass through a handler over what is known of its steps. A finished step is answered from the record and never runs
 * again; a new one runs here and is recorded before its result is seen. The pass ends when the handler returns or
 * throws, or when all that is left has to wait.
 */
export function replay(job: AnyJob, claimed: ClaimedRun, ports: ReplayPorts): Promise<Outcome> {
  const { run } = claimed
  const { clock } = ports
  const records = new Map(claimed.steps.map((step) => [step.key, step]))
  let seq = claimed.steps.reduce((max, step) => Math.max(max, step.seq + 1), 0)
  const keyOf = createStepKeys()
  const rollbacks: Rollback[] = []
  const wakes: number[] = []
  let active = 0
  let over = false

  return new Promise<Outcome>((resolve) => {
    const finish = (outcome: Outcome): void => {
      if (over) return
      over = true
      resolve(outcome)
    }
    ports.signal.addEventListener('abort', () => finish({ kind: 'lost' }), { once: true })

    /**
     * When no step is running and at least one has to wait, the handler may still be between steps. It gets two turns of
     * the event loop to reach its next one; code that takes longer there is repeated by the next pass.
     */
    const considerWaiting = (): void => {
      if (active > 0 || wakes.length === 0 || over) return
      setImmediate(() =>
        setImmediate(() => {
          if (active === 0 && !over) finish({ kind: 'waiting', wakeAt: Math.min(...wakes) })
        }),
      )
    }

    /** A promise that this pass never settles: its step has to wait. */
    const wait = (wakeAt: number): Promise<never> => {
      wakes.push(wakeAt)
      considerWaiting()
      return new Promise<never>(() => {})
    }

    const save = async (step: StepRecord): Promise<boolean> => {
      if (over) return false
      records.set(step.key, step)
      if (await ports.saveStep(step)) return true
      finish({ kind: 'lost' })
      return false
    }

    const execute = async <Output>(
      key: string,
      fn: () => Output | Promise<Output>,
      options: StepOptions<Output>,
    ): Promise<Output> => {
      const known = records.get(key)
      const started = { seq: known?.seq ?? seq++, startedAt: known?.startedAt ?? clock.now() }
      const undoable = (output: unknown): void => {
        const { rollback } = options
        if (rollback) rollbacks.push({ key, seq: started.seq, run: () => rollback(output as Output) })
      }
      if (known?.status === 'completed') {
        undoable(known.output)
        return known.output as Output
      }
      if (known?.status === 'failed') throw new StepError(key, known.error as Failure)
      if (known?.wakeAt !== undefined && known.wakeAt > clock.now()) return wait(known.wakeAt)
      if (over) return new Promise<never>(() => {})

      active += 1
      const from = clock.monotonic()
      const attempts = (known?.attempts ?? 0) + 1
      let step: StepRecord
      try {
        const output = json(await fn())
        step = { key, ...started, status: 'completed', attempts, endedAt: clock.now(), output }
      } catch (error) {
        const verdict = judge(error, attempts, job)
        const failed = { key, ...started, attempts, error: toFailure(error) }
        step =
          'final' in verdict
            ? { ...failed, status: 'failed', endedAt: clock.now() }
            : { ...failed, status: 'retrying', wakeAt: clock.now() + verdict.retryInMs }
      }
      const saved = await save(step)
      active -= 1
      considerWaiting()
      if (!saved) return new Promise<never>(() => {})
      ports.onStep(step, step.status === 'completed' ? 'ok' : 'error', clock.monotonic() - from)
      if (step.wakeAt !== undefined) return wait(step.wakeAt)
      if (step.error) throw new StepError(key, step.error)
      undoable(step.output)
      return step.output as Output
    }

    const sleepUntil = async (id: string, wakeAt: () => number): Promise<void> => {
      const key = keyOf(id)
      let record = records.get(key)
      if (!record) {
        const now = clock.now()
        record = { key, seq: seq++, status: 'sleeping', attempts: 0, startedAt: now, wakeAt: wakeAt() }
        active += 1
        const saved = await save(record)
        active -= 1
        if (!saved) return new Promise<never>(() => {})
      }
      if ((record.wakeAt as number) > clock.now()) return wait(record.wakeAt as number)
    }

    const step: StepTools = {
      run: (id, fn, options = {}) => execute(keyOf(id), fn, options),
      sleep: (id, time) => sleepUntil(id, () => clock.now() + duration(time)),
      sleepUntil: (id, time) => sleepUntil(id, () => (typeof time === 'number' ? time : time.getTime())),
      sendEvent(id, events) {
        const list = (Array.isArray(events) ? events : [events]) as readonly EventInput[]
        const key = keyOf(id)
        // Ids derived from run and step: a crash between sending and recording sends the same events again.
        const identified = list.map((event, index) => ({ ...event, id: event.id ?? `${run.id}/${key}/${index}` }))
        return execute(key, async () => ({ ids: await ports.send(identified) }), {})
      },
    }
    const context = { event: run.event, step, runId: run.id, attempt: run.attempt } as JobContext<never>

    const handler = async (): Promise<unknown> => job.handler(context)
    handler().then(
      (value) => finish({ kind: 'returned', value: json(value) }),
      (error: unknown) => finish({ kind: 'threw', error, rollbacks: rollbacks.toSorted((a, b) => b.seq - a.seq) }),
    )
  })
}

/** As it will be read back: what JSON does not know is gone, `undefined` is `null`. */
function json(value: unknown): unknown {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value) ?? 'null') as unknown)
}
