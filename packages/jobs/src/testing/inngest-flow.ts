import type { Clock } from '@msc/core'
import { evaluate, wireMs, type RegisteredFunction, type WireEventIn } from './inngest-wire.ts'

/** Starts a function with one event, or with those of a batch. */
export type Start = (fn: RegisteredFunction, events: readonly WireEventIn[]) => void

/** What Inngest does between an event and a run: idempotency, debounce, batches, throttling, times to come. */
export function createFlow(
  clock: Clock,
  start: Start,
): { admit(fn: RegisteredFunction, event: WireEventIn): void; readonly pending: number } {
  const once = new Set<string>()
  const debounces = new Map<string, { event: WireEventIn; cancel: () => void; firstAt: number }>()
  const batches = new Map<string, { events: WireEventIn[]; cancel: () => void }>()
  const throttles = new Map<string, number>()
  let pending = 0

  const later = (ms: number, work: () => void): (() => void) => {
    pending += 1
    let over = false
    const end = (): boolean => {
      if (over) return false
      over = true
      pending -= 1
      return true
    }
    const cancel = clock.setTimeout(() => end() && work(), ms)
    return () => {
      cancel()
      end()
    }
  }
  const keyOf = (fn: RegisteredFunction, event: WireEventIn, expression: string | undefined): string =>
    `${fn.id}:${expression === undefined ? '' : JSON.stringify(evaluate(expression, event))}`
  const ms = (text: string): number => wireMs(text, clock.now())

  const debounce = (
    fn: RegisteredFunction,
    event: WireEventIn,
    options: NonNullable<RegisteredFunction['debounce']>,
  ): void => {
    const key = keyOf(fn, event, options.key)
    const held = debounces.get(key)
    if (held && event.ts < held.event.ts) return
    held?.cancel()
    const firstAt = held?.firstAt ?? clock.now()
    const latest = options.timeout === undefined ? Infinity : firstAt + ms(options.timeout) - clock.now()
    const cancel = later(Math.min(ms(options.period), latest), () => {
      debounces.delete(key)
      start(fn, [event])
    })
    debounces.set(key, { event, cancel, firstAt })
  }

  const batch = (
    fn: RegisteredFunction,
    event: WireEventIn,
    options: NonNullable<RegisteredFunction['batchEvents']>,
  ): void => {
    const key = keyOf(fn, event, options.key)
    const go = (): void => {
      const held = batches.get(key)
      batches.delete(key)
      held?.cancel()
      if (held) start(fn, held.events)
    }
    const held = batches.get(key) ?? { events: [], cancel: later(ms(options.timeout), go) }
    batches.set(key, held)
    held.events.push(event)
    if (held.events.length >= options.maxSize) go()
  }

  return {
    admit(fn, event) {
      if (fn.idempotency !== undefined) {
        const key = keyOf(fn, event, fn.idempotency)
        if (once.has(key)) return
        once.add(key)
      }
      if (fn.debounce) return debounce(fn, event, fn.debounce)
      if (fn.batchEvents) return batch(fn, event, fn.batchEvents)
      let delay = Math.max(0, event.ts - clock.now())
      if (fn.throttle) {
        const { limit, period, burst = 1, key: expression } = fn.throttle
        const key = keyOf(fn, event, expression)
        const interval = ms(period) / limit
        const tat = Math.max(throttles.get(key) ?? 0, clock.now())
        throttles.set(key, tat + interval)
        delay = Math.max(delay, tat - (burst - 1) * interval - clock.now())
      }
      if (delay > 0) later(delay, () => start(fn, [event]))
      else start(fn, [event])
    },
    get pending() {
      return pending
    },
  }
}

/** How many requests of a function may be open at once; those that wait go by the priority of their run. */
export function createSlots(): <T>(
  keys: readonly { key: string; limit: number }[],
  rank: number,
  work: () => Promise<T>,
) => Promise<T> {
  const taken = new Map<string, number>()
  const queue: {
    readonly keys: readonly { key: string; limit: number }[]
    readonly rank: number
    readonly go: () => void
  }[] = []
  const free = (keys: readonly { key: string; limit: number }[]): boolean =>
    keys.every(({ key, limit }) => (taken.get(key) ?? 0) < limit)
  const count = (keys: readonly { key: string }[], by: 1 | -1): void => {
    for (const { key } of keys) taken.set(key, (taken.get(key) ?? 0) + by)
  }
  const next = (): void => {
    for (const [index, waiting] of queue.entries()) {
      if (!free(waiting.keys)) continue
      queue.splice(index, 1)
      count(waiting.keys, 1)
      waiting.go()
      return next()
    }
  }
  return async (keys, rank, work) => {
    await new Promise<void>((go) => {
      queue.push({ keys, rank, go })
      queue.sort((a, b) => a.rank - b.rank)
      next()
    })
    try {
      return await work()
    } finally {
      count(keys, -1)
      next()
    }
  }
}
