import { sortableId, type Clock } from '@msc/core'
import { sign } from './inngest-signature.ts'
import { wireMs, type Op, type RegisteredFunction, type WireEventIn, type WireRun } from './inngest-wire.ts'

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly noRetry: boolean
  readonly retryAfterMs: number | undefined
}

export interface ExecutorOptions {
  readonly signingKey: string
  /** Milliseconds between attempts where the SDK names none, whatever Inngest's table says. */
  readonly retryMs: number
  readonly signal: AbortSignal
  readonly fetch: typeof fetch
  readonly clock: Clock
  /** Calls `work` when the function's concurrency allows it. */
  readonly slot: <T>(work: () => Promise<T>) => Promise<T>
  /** The next event that matches, or `undefined` after `ms`. */
  readonly nextEvent: (name: string, expression: string | undefined, ms: number) => Promise<WireEventIn | undefined>
  /** Runs another function to its end. */
  readonly invoke: (functionId: string, data: unknown) => Promise<WireRun>
}

type Outcome = { readonly type: 'data'; readonly data: unknown } | { readonly type: 'error'; readonly error: unknown }

/**
 * Carries one run: calls the SDK, keeps what its steps returned, and calls again until it has an end.
 *
 * Source: inngest's docs/SDK_SPEC.md and what the SDK's engine really sends.
 */
export async function executeFunction(
  fn: RegisteredFunction,
  events: readonly WireEventIn[],
  run: WireRun,
  options: ExecutorOptions,
): Promise<void> {
  const { clock, signal, retryMs } = options
  const maxAttempts = (fn.steps.step.retries?.attempts ?? 3) + 1
  const steps: Record<string, Outcome> = {}
  const underWay = new Map<string, Promise<void>>()
  let functionAttempt = 0
  let parallel = false

  const call = (stepId: string, attempt: number): Promise<Reply> =>
    options.slot(() =>
      post(fn, stepId, options, {
        event: events[0],
        events,
        steps,
        ctx: {
          run_id: run.id,
          fn_id: '00000000-0000-4000-8000-000000000000',
          attempt,
          max_attempts: maxAttempts,
          disable_immediate_execution: parallel,
          use_api: false,
          qi_id: sortableId(),
          stack: { stack: Object.keys(steps), current: Object.keys(steps).length },
        },
        version: 2,
        use_api: false,
      }),
    )

  /** Resolves when a step has an outcome. */
  const settle = async (op: Op, attempt: number): Promise<void> => {
    switch (op.op) {
      case 'StepRun':
      case 'Step':
        steps[op.id] = { type: 'data', data: op.data ?? null }
        return
      case 'StepFailed':
        steps[op.id] = { type: 'error', error: op.error }
        return
      case 'StepPlanned':
        return perform(op.id, 0)
      case 'StepError':
        await wait(retryAfter(op) ?? retryMs, clock, signal)
        return perform(op.id, attempt + 1)
      case 'Sleep':
        await wait(wireMs(op.name ?? '', clock.now()), clock, signal)
        steps[op.id] = { type: 'data', data: null }
        return
      case 'WaitForEvent': {
        const ms = wireMs(op.opts?.timeout ?? '', clock.now())
        steps[op.id] = { type: 'data', data: (await options.nextEvent(op.name ?? '', op.opts?.if, ms)) ?? null }
        return
      }
      case 'InvokeFunction':
        steps[op.id] = await invoked(op)
        return
      default:
        throw new Error(`The executor does not know the op ${op.op}`)
    }
  }

  const invoked = async (op: Op): Promise<Outcome> => {
    const { function_id: id = '', payload, timeout } = op.opts ?? {}
    const started = options.invoke(id, payload?.data)
    const late = timeout === undefined ? [] : [wait(wireMs(timeout, clock.now()), clock, signal)]
    const ended = await Promise.race([started, ...late])
    if (ended?.status === 'completed') return { type: 'data', data: ended.result ?? null }
    const error = ended?.result as { name?: string; message?: string } | undefined
    const message = error?.message ?? (ended ? `${id} was cancelled.` : `${id} has not ended in time.`)
    return { type: 'error', error: { name: error?.name ?? 'Error', message } }
  }

  /** Runs one step by its id. */
  const perform = async (id: string, attempt: number): Promise<void> => {
    const reply = await call(id, attempt)
    const own = reply.status === 206 ? (reply.body as Op[]).find((op) => op.id === id) : undefined
    if (own) return settle({ ...own, ...(reply.retryAfterMs && { retryAfterMs: reply.retryAfterMs }) } as Op, attempt)
    // Anything else ended or failed the function itself; the next call to it will tell.
  }

  for (;;) {
    signal.throwIfAborted()
    const reply = await call('step', functionAttempt)
    if (reply.status === 200) {
      run.result = reply.body
      run.status = 'completed'
      return
    }
    if (reply.status === 206) {
      const ops = reply.body as Op[]
      parallel = parallel || ops.length > 1
      for (const op of ops) {
        if (underWay.has(op.id) || op.id in steps) continue
        const named = { ...op, ...(reply.retryAfterMs && { retryAfterMs: reply.retryAfterMs }) } as Op
        // In here before it settles: what has settled at once is taken out again.
        const work = Promise.resolve()
          .then(() => settle(named, functionAttempt))
          .finally(() => underWay.delete(op.id))
        work.catch(() => undefined)
        underWay.set(op.id, work)
      }
      // As soon as one has something for the function to see.
      if (underWay.size > 0) await Promise.race(underWay.values())
      continue
    }
    functionAttempt += 1
    if (reply.noRetry || functionAttempt >= maxAttempts) {
      run.result = reply.body
      run.status = 'failed'
      return
    }
    await wait(reply.retryAfterMs ?? retryMs, clock, signal)
  }
}

const retryAfter = (op: Op): number | undefined => (op as { retryAfterMs?: number }).retryAfterMs

async function post(fn: RegisteredFunction, stepId: string, options: ExecutorOptions, body: unknown): Promise<Reply> {
  const url = new URL(fn.steps.step.runtime.url)
  url.searchParams.set('fnId', fn.id)
  url.searchParams.set('stepId', stepId)
  const text = JSON.stringify(body)
  const response = await options.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-inngest-signature': sign(text, options.signingKey) },
    body: text,
    signal: options.signal,
  })
  const raw = await response.text()
  let parsed: unknown
  try {
    parsed = JSON.parse(raw)
  } catch {
    parsed = raw
  }
  return {
    status: response.status,
    body: parsed,
    noRetry: response.headers.get('x-inngest-no-retry') === 'true',
    retryAfterMs: retryAfterHeader(response.headers.get('retry-after')),
  }
}

/** Seconds, or a time (RFC 9110, 10.2.3). */
function retryAfterHeader(value: string | null): number | undefined {
  if (value === null) return undefined
  const seconds = Number(value)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

function wait(ms: number, clock: Clock, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve(undefined)
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
