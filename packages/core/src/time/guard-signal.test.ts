import { describe, expect, it } from 'vitest'
import { deadline } from './deadline.ts'
import { setErrorReporter } from '../errors/failures.ts'
import { createOutbox } from '../delivery/outbox.ts'
import { guardSignal, guardSignals } from './guard-signal.ts'
import { createService } from '../service/service.ts'
import { createManualClock } from '../testing/index.ts'

describe('a guarded signal', () => {
  it('passes errors and rejections of listeners to its handler, and calls the other listeners', async () => {
    const failures: unknown[] = []
    const controller = new AbortController()
    const signal = guardSignal(controller.signal, (error) => failures.push((error as Error).message))
    const called: string[] = []
    signal.addEventListener('abort', () => {
      throw new Error('a function')
    })
    signal.addEventListener('abort', {
      handleEvent() {
        throw new Error('an object')
      },
    })
    signal.addEventListener('abort', async () => {
      throw new Error('a promise')
    })
    Object.assign(signal, {
      onabort() {
        throw new Error('a property')
      },
    })
    signal.addEventListener('abort', () => void called.push('the last'))
    controller.abort()
    // An uncaught exception would come in a later tick and fail this test.
    await new Promise((resolve) => setImmediate(resolve))
    expect(failures.toSorted()).toEqual(['a function', 'a promise', 'a property', 'an object'])
    expect(called).toEqual(['the last'])
  })

  it('does not call a removed listener, and calls one that was added twice only once', () => {
    const controller = new AbortController()
    const signal = guardSignal(controller.signal, () => {})
    const calls: string[] = []
    const twice = (): void => void calls.push('twice')
    const removed = (): void => void calls.push('removed')
    signal.addEventListener('abort', twice, { once: true })
    signal.addEventListener('abort', twice, { once: true })
    signal.addEventListener('abort', removed)
    Object.assign(signal, { onabort: removed })
    signal.removeEventListener('abort', removed)
    Object.assign(signal, { onabort: null })
    controller.abort()
    expect([calls, signal.onabort]).toEqual([['twice'], null])
  })

  it('keeps its first guard when it is guarded again, and ignores a handler that is not a function', () => {
    const controller = new AbortController()
    const failures: string[] = []
    guardSignal(controller.signal, () => failures.push('first'))
    const signal = guardSignal(controller.signal, () => failures.push('second'))
    signal.addEventListener('abort', () => {
      throw new Error('a listener')
    })
    Object.assign(signal, { onabort: 'none' })
    controller.abort()
    expect(failures).toEqual(['first'])
  })

  it('still works as a signal of the platform', async () => {
    const controller = new AbortController()
    const signal = guardSignal(controller.signal, () => {})
    const derived = AbortSignal.any([signal])
    const fetched = fetch('http://127.0.0.1:9', { signal }).catch((error: unknown) => (error as Error).name)
    controller.abort()
    expect([signal instanceof AbortSignal, derived.aborted, await fetched]).toEqual([true, true, 'AbortError'])
  })

  it('keeps a listener that was also set as onabort when onabort is cleared', () => {
    const controller = new AbortController()
    const signal = guardSignal(controller.signal, () => {})
    let calls = 0
    const listener = (): void => void (calls += 1)
    signal.addEventListener('abort', listener)
    Object.assign(signal, { onabort: listener })
    Object.assign(signal, { onabort: null })
    controller.abort()
    expect(calls).toBe(1)
  })
})

describe('the signal of a call with a deadline', () => {
  guardSignals()
  const listens = (signal: AbortSignal): Promise<never> => {
    signal.addEventListener('abort', () => {
      throw new Error('of the listener')
    })
    return new Promise(() => {})
  }

  it('is guarded: an error of its listener is reported', async () => {
    const reported: unknown[] = []
    const restore = setErrorReporter((error, { concern, operation }) =>
      reported.push([error.message, concern, operation]),
    )
    const clock = createManualClock()
    const calls = ['[msc/cache] [redis] get', 'GET k'].map((operation) =>
      deadline(listens, { operation, timeoutMs: 10, clock }).catch((error: Error) => error.name),
    )
    await clock.advance(10)
    expect(await Promise.all(calls)).toEqual(['DeadlineError', 'DeadlineError'])
    restore()
    expect(reported).toEqual([
      ['of the listener', 'cache', 'get'],
      ['of the listener', 'core', 'GET k'],
    ])
  })

  it("reports to the engine's own onError, with the driver", async () => {
    const reported: unknown[] = []
    const clock = createManualClock()
    const { inTime } = createService({
      concern: 'cache',
      driver: { name: 'shelf', health: async () => undefined, close: async () => undefined },
      clock,
      onError: (error, context) => reported.push([error.message, context]),
    })
    const call = inTime('get', 10, listens).catch((error: Error) => error.name)
    await clock.advance(10)
    expect(await call).toBe('DeadlineError')
    expect(reported).toEqual([['of the listener', { concern: 'cache', driver: 'shelf', operation: 'get' }]])
  })

  it('is guarded for sinks too', async () => {
    const reported: unknown[] = []
    const clock = createManualClock()
    const outbox = createOutbox<string>({
      concern: 'analytics',
      driver: 'sink',
      label: (id) => ({ id, kind: 'track', bytes: 1 }),
      send: (_batch, { signal }) => listens(signal),
      limits: { maxItems: 1, maxBytes: 10, maxItemBytes: 10 },
      maxQueue: 10,
      flushIntervalMs: 0,
      timeoutMs: 100,
      clock,
      onError: (error, { operation }) => reported.push([error.message, operation]),
    })
    outbox.push('a')
    const closed = outbox.close(50)
    await clock.advance(50)
    await closed
    expect(reported).toContainEqual(['of the listener', 'send'])
    expect(outbox.stats()).toMatchObject({ dropped: 1, queued: 0, inFlight: 0 })
  })
})
