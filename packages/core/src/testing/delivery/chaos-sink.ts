import type { Receipt, SendContext } from '../../delivery/sink/receipt.ts'
import type { Clock } from '../../time/clock.ts'
import type { ChaosItem } from './chaos-item.ts'
import { replyIn } from './chaos-replies.ts'
import type { Mood } from './moods.ts'
import type { Random } from './random.ts'

export interface ChaosSinkOptions {
  readonly random: Random
  readonly clock: Clock
  /** A larger batch is refused with 413. */
  readonly maxBatchBytes?: number
  readonly mood?: Mood
}

export interface ChaosSink {
  mood: Mood
  /** The longest time in milliseconds that a `Retry-After` or a limit asks for. */
  longestWaitMs: number
  readonly send: (batch: readonly ChaosItem[], context: SendContext) => Promise<Receipt>
  readonly sendSync: (batch: readonly ChaosItem[]) => void
  /** The number of times that the backend accepted each item, by id. */
  readonly taken: ReadonlyMap<string, number>
  /** The number of calls of `send`. */
  readonly calls: number
  /** The number of calls that have neither answered nor been aborted. */
  readonly pending: number
  /** Things that the outbox did although it must not. */
  readonly violations: readonly string[]
}

/** Makes a sink whose backend behaves as its mood says, and which records the items that were really accepted. */
export function createChaosSink(options: ChaosSinkOptions): ChaosSink {
  const { random, clock, maxBatchBytes = Infinity } = options
  const taken = new Map<string, number>()
  const violations: string[] = []
  const state = { calls: 0, pending: 0 }
  const take = (batch: readonly ChaosItem[]): void => {
    for (const { id } of batch) taken.set(id, (taken.get(id) ?? 0) + 1)
  }
  const sink = {
    mood: options.mood ?? ('well' as Mood),
    longestWaitMs: 20_000,
    taken,
    violations,
    get calls() {
      return state.calls
    },
    get pending() {
      return state.pending
    },
    sendSync: (batch: readonly ChaosItem[]): void => {
      if (random.chance(0.2)) throw new Error('EIO')
      take(batch)
    },
    send(batch: readonly ChaosItem[], { signal }: SendContext): Promise<Receipt> {
      state.calls += 1
      state.pending += 1
      if (state.pending > 1) violations.push('two deliveries at once')
      if (batch.length === 0) violations.push('an empty batch')
      if (new Set(batch.map(({ id }) => id)).size < batch.length) violations.push('an item twice in a batch')
      let ended = false
      const end = (): void => {
        if (!ended) state.pending -= 1
        ended = true
      }
      signal.addEventListener('abort', end)
      if (sink.mood === 'throws at once') {
        end()
        const thrown: unknown = random.pick<unknown>(['text', undefined, { retryable: 'yes' }])
        throw thrown
      }
      const reply = replyIn(sink.mood, batch, signal, replying)
      reply.then(end, end)
      return reply
    },
  }
  const waitMs = (): number => random.integer(100, Math.max(100, sink.longestWaitMs))
  const replying = { random, clock, maxBatchBytes, take, waitMs }
  return sink
}
