import { sortableId } from '@msc/core'
import { sign } from './inngest-signature.ts'

/** A function as the SDK registers it. */
export interface RegisteredFunction {
  readonly id: string
  readonly triggers: readonly { readonly event?: string }[]
  readonly steps: {
    readonly step: { readonly runtime: { readonly url: string }; readonly retries?: { readonly attempts: number } }
  }
}

export interface WireEventIn {
  readonly id: string
  readonly name: string
  readonly data: unknown
  readonly ts: number
}

export interface WireRun {
  readonly id: string
  readonly functionId: string
  status: 'running' | 'completed' | 'failed'
  result?: unknown
}

interface Op {
  readonly id: string
  readonly op: string
  readonly name?: string
  readonly displayName?: string
  readonly data?: unknown
  readonly error?: unknown
}

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly noRetry: boolean
  readonly retryAfterMs: number | undefined
}

export interface ExecutorOptions {
  readonly signingKey: string
  /** Milliseconds between attempts, whatever Inngest's table says. */
  readonly retryMs: number
  readonly signal: AbortSignal
  readonly fetch: typeof fetch
}

/**
 * Carries one run: calls the SDK, keeps what its steps returned, and calls again until it has an end.
 *
 * Source: inngest's docs/SDK_SPEC.md and what the SDK's engine really sends.
 */
export async function executeFunction(
  fn: RegisteredFunction,
  event: WireEventIn,
  run: WireRun,
  options: ExecutorOptions,
): Promise<void> {
  const maxAttempts = (fn.steps.step.retries?.attempts ?? 3) + 1
  const steps: Record<string, unknown> = {}
  const stepAttempts = new Map<string, number>()
  let functionAttempt = 0
  let parallel = false

  const call = (stepId: string, attempt: number): Promise<Reply> =>
    post(fn, stepId, options, {
      event,
      events: [event],
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
    })

  /** Takes note of one op; resolves when the function may go on. */
  const settle = async (op: Op): Promise<void> => {
    if (op.op === 'StepRun' || op.op === 'Step') {
      steps[op.id] = { type: 'data', data: op.data ?? null }
    } else if (op.op === 'StepFailed') {
      steps[op.id] = { type: 'error', error: op.error }
    } else if (op.op === 'Sleep') {
      await wait(sleepMs(op.name ?? ''), options.signal)
      steps[op.id] = { type: 'data', data: null }
    } else if (op.op === 'StepError') {
      stepAttempts.set(op.id, (stepAttempts.get(op.id) ?? 0) + 1)
      await wait(options.retryMs, options.signal)
      await perform(op.id)
    } else if (op.op === 'StepPlanned') {
      await perform(op.id)
    } else {
      throw new Error(`The executor does not know the op ${op.op}`)
    }
  }

  /** Runs one step by its id. */
  const perform = async (id: string): Promise<void> => {
    const reply = await call(id, stepAttempts.get(id) ?? 0)
    if (reply.status === 206) {
      const own = (reply.body as Op[]).find((op) => op.id === id)
      if (own) return settle(own)
    }
    // Anything else ended or failed the function itself; the next call to it will tell.
  }

  for (;;) {
    options.signal.throwIfAborted()
    const reply = await call(
      'step',
      parallel ? functionAttempt : Math.max(functionAttempt, ...stepAttempts.values(), 0),
    )
    if (reply.status === 200) {
      run.result = reply.body
      run.status = 'completed'
      return
    }
    if (reply.status === 206) {
      const ops = reply.body as Op[]
      parallel = parallel || ops.length > 1
      // Until one of them has something for the function to see; the others go on with the next round's calls.
      await Promise.all(ops.map(settle))
      // Attempts are counted per step; the function's own begin anew after each success.
      for (const op of ops) if (op.op !== 'StepError') stepAttempts.delete(op.id)
      continue
    }
    functionAttempt += 1
    if (reply.noRetry || functionAttempt >= maxAttempts) {
      run.result = reply.body
      run.status = 'failed'
      return
    }
    await wait(Math.min(reply.retryAfterMs ?? options.retryMs, options.retryMs), options.signal)
  }
}

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
  const retryAfter = Number(response.headers.get('retry-after'))
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
    retryAfterMs: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter * 1000 : undefined,
  }
}

/** `1d2h`, `30s`, `500ms`, or a time. */
function sleepMs(text: string): number {
  const at = Date.parse(text)
  if (/^\d{4}-/.test(text) && !Number.isNaN(at)) return Math.max(0, at - Date.now())
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g))
    total += Number(amount) * (units[unit as string] ?? 0)
  return total
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        reject(signal.reason as Error)
      },
      { once: true },
    )
  })
}
