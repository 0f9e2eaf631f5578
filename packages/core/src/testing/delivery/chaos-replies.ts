import { DELIVERED, type Receipt, type Rejection } from '../../delivery/sink/receipt.ts'
import { DriverError } from '../../errors/errors.ts'
import type { Clock } from '../../time/clock.ts'
import type { ChaosItem } from './chaos-item.ts'
import type { Mood } from './moods.ts'
import type { Random } from './random.ts'

/** The parts of a chaos sink that its replies need. */
export interface Replying {
  readonly random: Random
  readonly clock: Clock
  /** A larger batch is refused with 413. */
  readonly maxBatchBytes: number
  /** Records that the backend has accepted these items. */
  readonly take: (batch: readonly ChaosItem[]) => void
  /** Returns a random time in milliseconds for a `Retry-After` or a limit. */
  readonly waitMs: () => number
}

/** Replies to a batch as a backend in this mood does. */
export function replyIn(
  mood: Mood,
  batch: readonly ChaosItem[],
  signal: AbortSignal,
  replying: Replying,
): Promise<Receipt> {
  const { random, clock, take, waitMs } = replying
  const latency = random.integer(1, 3)
  const answer = (run: () => Receipt): Promise<Receipt> => after(clock, latency, signal, run)
  const fail = (error: () => Error): Promise<Receipt> =>
    answer(() => {
      throw error()
    })
  switch (mood) {
    case 'silent':
      return after(clock, 1e9, signal, () => DELIVERED)
    case 'deaf':
      return new Promise(() => {})
    case 'late':
      return after(clock, random.integer(500, 30_000), undefined, () => wellReceipt(batch, replying))
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
      return fail(() => failure(503, { retryable: true, retryAfterMs: waitMs() }))
    case '429':
      return fail(() => failure(429, { retryable: true, code: 'DRIVER_RATE_LIMITED', retryAfterMs: waitMs() }))
    case 'html':
      return fail(() => failure(200, { retryable: true, code: 'DRIVER_NOT_THE_BACKEND' }))
    case '401':
      return fail(() => failure(401, { code: 'DRIVER_UNAUTHORIZED' }))
    case 'malformed receipt':
      return answer(() => malformedReceipt(batch, replying))
    case 'overloaded':
      return answer(() => ({ rejected: sentBack(batch) }))
    case 'one by one':
      return oneByOne(batch, signal, replying)
    case 'picky':
      return answer(() => pickyReceipt(batch, replying))
    case 'limits a kind':
      return answer(() => limitOne(batch, replying))
    default:
      return answer(() => wellReceipt(batch, replying))
  }
}

/** Answers after `ms` milliseconds, or rejects with the signal's reason. */
function after<T>(clock: Clock, ms: number, signal: AbortSignal | undefined, answer: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
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
}

function failure(status: number, more: ConstructorParameters<typeof DriverError>[2]): DriverError {
  return new DriverError('chaos', `The server answered ${status}.`, more)
}

const sentBack = (batch: readonly ChaosItem[]): Rejection[] => batch.map(({ id }) => ({ id, retryable: true }))

async function oneByOne(
  batch: readonly ChaosItem[],
  signal: AbortSignal,
  { random, clock, take }: Replying,
): Promise<Receipt> {
  const rejected: Rejection[] = []
  for (const [index, item] of batch.entries()) {
    const { id, poison } = item
    const isAnswered = await after(clock, random.integer(1, 300), signal, () => true).catch(() => false)
    if (!isAnswered) {
      rejected.push(...sentBack(batch.slice(index)))
      break
    }
    if (poison) rejected.push({ id, retryable: false, detail: '400 invalid timestamp' })
    else take([item])
  }
  // After an abort, a real sink may need a moment to return its receipt.
  return after(clock, random.integer(0, 3), undefined, () => ({ rejected }))
}

function wellReceipt(batch: readonly ChaosItem[], { take, maxBatchBytes }: Replying): Receipt {
  const bytes = batch.reduce((sum, item) => sum + item.bytes, 0)
  if (bytes > maxBatchBytes) throw failure(413, { code: 'DRIVER_TOO_LARGE', refuses: 'content' })
  if (batch.some(({ poison }) => poison === 'batch')) throw failure(400, { code: 'DRIVER_REFUSED', refuses: 'content' })
  const rejected: Rejection[] = batch
    .filter(({ poison }) => poison === 'receipt')
    .map(({ id }) => ({ id, retryable: false, detail: '400 invalid timestamp' }))
  take(batch.filter(({ poison }) => !poison))
  return { rejected }
}

function pickyReceipt(batch: readonly ChaosItem[], { random, take }: Replying): Receipt {
  const rejected = sentBack(batch.filter(() => random.chance(0.3)))
  const ids = new Set(rejected.map(({ id }) => id))
  take(batch.filter(({ id }) => !ids.has(id)))
  return { rejected }
}

function limitOne(batch: readonly ChaosItem[], { random, take, waitMs }: Replying): Receipt {
  const forMs = waitMs()
  const { kind } = random.pick(batch)
  take(batch.filter((item) => item.kind !== kind))
  return { rejected: sentBack(batch.filter((item) => item.kind === kind)), limits: [{ kinds: [kind], forMs }] }
}

/** Accepts everything, so that only the receipt is wrong. */
function malformedReceipt(batch: readonly ChaosItem[], { random, take }: Replying): Receipt {
  take(batch)
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
