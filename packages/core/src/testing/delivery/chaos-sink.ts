import type { Clock } from '../../time/clock.ts'
import { DELIVERED, type Receipt, type Rejection, type SendContext } from '../../delivery/sink/receipt.ts'
import { DriverError } from '../../errors/errors.ts'
import type { Random } from './random.ts'

export interface ChaosItem {
  readonly id: string
  readonly kind: string
  readonly bytes: number
  /** The backend refuses its content: in the receipt, or with the whole batch that it is in. */
  readonly poison?: 'receipt' | 'batch' | undefined
}

/** How a backend behaves for a while. */
export type Mood =
  /** Takes everything, a little late. */
  | 'well'
  /** Never answers, and ends when told to. */
  | 'silent'
  /** Never answers, and does not listen either. */
  | 'deaf'
  /** Takes everything, and answers when nobody waits any more. */
  | 'late'
  | 'reset'
  /** Takes everything, and dies before it can say so. */
  | 'taken, then reset'
  | '503'
  | '503 with Retry-After'
  | '429'
  | 'html'
  /** Throws synchronously what is no error. */
  | 'throws at once'
  /** Takes one after the other, slowly; told to end, it says which. */
  | 'one by one'
  /** Sends all back. */
  | 'overloaded'
  /** Sends some back. */
  | 'picky'
  /** Takes no more of one kind for a while. */
  | 'limits a kind'
  /** Takes everything, and returns something that is no receipt. */
  | 'malformed receipt'
  | '401'

/** Nothing is taken or finally refused. */
export const OUTAGES: readonly Mood[] = [
  'silent',
  'deaf',
  'reset',
  'taken, then reset',
  '503',
  '503 with Retry-After',
  '429',
  'html',
  'throws at once',
  'overloaded',
  'late',
]
export const MOODS: readonly Mood[] = [
  'well',
  'well',
  ...OUTAGES,
  'one by one',
  'picky',
  'limits a kind',
  'malformed receipt',
  '401',
]

export interface ChaosSinkOptions {
  readonly random: Random
  readonly clock: Clock
  /** A larger batch is refused with 413. */
  readonly maxBatchBytes?: number
  readonly mood?: Mood
}

export interface ChaosSink {
  mood: Mood
  /** Milliseconds that a `Retry-After` or a limit asks for at most. */
  longestWaitMs: number
  readonly send: (batch: readonly ChaosItem[], context: SendContext) => Promise<Receipt>
  readonly sendSync: (batch: readonly ChaosItem[]) => void
  /** What the backend has, by id: how often it got it. */
  readonly taken: ReadonlyMap<string, number>
  /** Calls of `send`. */
  readonly calls: number
  /** Calls that were not aborted and have not answered. */
  readonly underWay: number
  /** What the outbox did that it must not do. */
  readonly violations: readonly string[]
}

/** A sink whose backend behaves as it is told, and that remembers what it has really taken. */
export function createChaosSink(options: ChaosSinkOptions): ChaosSink {
  const { random, clock, maxBatchBytes = Infinity } = options
  const taken = new Map<string, number>()
  const violations: string[] = []
  const state = { calls: 0, underWay: 0 }
  const take = (batch: readonly ChaosItem[]): void => {
    for (const { id } of batch) taken.set(id, (taken.get(id) ?? 0) + 1)
  }
  const after = <T>(ms: number, signal: AbortSignal | undefined, answer: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const cancel = clock.setTimeout(() => {
        try {
          resolve(answer())
        } catch (error) {
          reject(error as Error)
        }
      }, ms)
      signal?.addEventListener('abort', () => {
        cancel()
        reject(signal.reason as Error)
      })
    })
  const sink = {
    mood: options.mood ?? ('well' as Mood),
    longestWaitMs: 20_000,
    taken,
    violations,
    get calls() {
      return state.calls
    },
    get underWay() {
      return state.underWay
    },
    sendSync: (batch: readonly ChaosItem[]): void => {
      if (random.chance(0.2)) throw new Error('EIO')
      take(batch)
    },
    send(batch: readonly ChaosItem[], context: SendContext): Promise<Receipt> {
      state.calls += 1
      state.underWay += 1
      if (state.underWay > 1) violations.push('two deliveries at once')
      if (batch.length === 0) violations.push('an empty batch')
      if (new Set(batch.map(({ id }) => id)).size < batch.length) violations.push('an item twice in a batch')
      const ended = { yes: false }
      const end = (): void => {
        if (!ended.yes) state.underWay -= 1
        ended.yes = true
      }
      context.signal.addEventListener('abort', end)
      if (sink.mood === 'throws at once') {
        end()
        const thrown: unknown = random.pick<unknown>(['text', undefined, { retryable: 'yes' }])
        throw thrown
      }
      const reply = behave(batch, context)
      reply.then(end, end)
      return reply
    },
  }
  const oneByOne = async (batch: readonly ChaosItem[], signal: AbortSignal): Promise<Receipt> => {
    const rejected: Rejection[] = []
    for (const [index, item] of batch.entries()) {
      const { id, poison } = item
      const isAnswered = await after(random.integer(1, 300), signal, () => true).catch(() => false)
      if (!isAnswered) {
        rejected.push(...batch.slice(index).map((each) => ({ id: each.id, retryable: true })))
        break
      }
      if (poison) rejected.push({ id, retryable: false, detail: '400 invalid timestamp' })
      else take([item])
    }
    // A moment after the abort: what it has to say is not always ready.
    return after(random.integer(0, 3), undefined, () => ({ rejected }))
  }
  const waits = (): number => random.integer(100, Math.max(100, sink.longestWaitMs))
  const behave = (batch: readonly ChaosItem[], { signal }: SendContext): Promise<Receipt> => {
    const latency = random.integer(1, 3)
    const fail = (error: () => Error): Promise<Receipt> =>
      after(latency, signal, () => {
        throw error()
      })
    switch (sink.mood) {
      case 'silent':
        return after(1e9, signal, () => DELIVERED)
      case 'deaf':
        return new Promise(() => {})
      case 'late':
        return after(random.integer(500, 30_000), undefined, () => wellReceipt(batch, take, maxBatchBytes))
      case 'reset':
        return fail(() => new Error('ECONNRESET'))
      case 'taken, then reset':
        return fail(() => {
          take(batch.filter(({ poison }) => !poison))
          return new Error('ECONNRESET')
        })
      case '503':
        return fail(() => failure(503, { retryable: true }))
      case '503 with Retry-After':
        return fail(() => failure(503, { retryable: true, retryAfterMs: waits() }))
      case '429':
        return fail(() => failure(429, { retryable: true, code: 'DRIVER_RATE_LIMITED', retryAfterMs: waits() }))
      case 'html':
        return fail(() => failure(200, { retryable: true, code: 'DRIVER_NOT_THE_BACKEND' }))
      case '401':
        return fail(() => failure(401, { code: 'DRIVER_UNAUTHORIZED' }))
      case 'malformed receipt':
        return after(latency, signal, () => {
          take(batch)
          return malformed(random)
        })
      case 'overloaded':
        return after(latency, signal, () => ({ rejected: batch.map(({ id }) => ({ id, retryable: true })) }))
      case 'one by one':
        return oneByOne(batch, signal)
      case 'picky':
        return after(latency, signal, () => {
          const rejected = batch.filter(() => random.chance(0.3)).map(({ id }) => ({ id, retryable: true }))
          const ids = new Set(rejected.map(({ id }) => id))
          take(batch.filter(({ id }) => !ids.has(id)))
          return { rejected }
        })
      case 'limits a kind':
        return after(latency, signal, () => limitOne(batch, take, random, waits()))
      default:
        return after(latency, signal, () => wellReceipt(batch, take, maxBatchBytes))
    }
  }
  return sink
}

type Take = (batch: readonly ChaosItem[]) => void

function failure(status: number, more: ConstructorParameters<typeof DriverError>[2]): DriverError {
  return new DriverError('chaos', `The server answered ${status}.`, more)
}

function wellReceipt(batch: readonly ChaosItem[], take: Take, maxBatchBytes: number): Receipt {
  const bytes = batch.reduce((sum, item) => sum + item.bytes, 0)
  if (bytes > maxBatchBytes) throw failure(413, { code: 'DRIVER_TOO_LARGE', refuses: 'content' })
  if (batch.some(({ poison }) => poison === 'batch')) throw failure(400, { code: 'DRIVER_REFUSED', refuses: 'content' })
  const rejected: Rejection[] = batch
    .filter(({ poison }) => poison === 'receipt')
    .map(({ id }) => ({ id, retryable: false, detail: '400 invalid timestamp' }))
  take(batch.filter(({ poison }) => !poison))
  return { rejected }
}

function limitOne(batch: readonly ChaosItem[], take: Take, random: Random, forMs: number): Receipt {
  const { kind } = random.pick(batch)
  const rejected = batch.filter((item) => item.kind === kind).map(({ id }) => ({ id, retryable: true }))
  take(batch.filter((item) => item.kind !== kind))
  return { rejected, limits: [{ kinds: [kind], forMs }] }
}

/** Ends up with everything taken, so that only the receipt is wrong. */
function malformed(random: Random): Receipt {
  const strange: readonly unknown[] = [
    undefined,
    null,
    'OK',
    [],
    { rejected: 'none' },
    { rejected: [{ id: 'unknown', retryable: false }, null, { id: 7 }] },
    { limits: [{ kinds: 'some', forMs: 'long' }] },
  ]
  return random.pick(strange) as Receipt
}
