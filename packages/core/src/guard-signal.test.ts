import { describe, expect, it } from 'vitest'
import { guardSignal } from './guard-signal.ts'

describe('a guarded signal', () => {
  it('hands what listeners throw or reject with to one place, and calls the others', async () => {
    const failures: unknown[] = []
    const controller = new AbortController()
    const signal = guardSignal(controller.signal, (error) => failures.push((error as Error).message))
    const heard: string[] = []
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
    signal.addEventListener('abort', () => void heard.push('the last'))
    controller.abort()
    // An uncaught exception would come in a later tick, and fail this test.
    await new Promise((resolve) => setImmediate(resolve))
    expect(failures.toSorted()).toEqual(['a function', 'a promise', 'a property', 'an object'])
    expect(heard).toEqual(['the last'])
  })

  it('forgets a listener that is removed, and calls one that was added twice once', () => {
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

  it('is still a signal to the platform', async () => {
    const controller = new AbortController()
    const signal = guardSignal(controller.signal, () => {})
    const derived = AbortSignal.any([signal])
    const fetched = fetch('http://127.0.0.1:9', { signal }).catch((error: unknown) => (error as Error).name)
    controller.abort()
    expect([signal instanceof AbortSignal, derived.aborted, await fetched]).toEqual([true, true, 'AbortError'])
  })

  it('keeps a listener that was set as the property too, when that is cleared', () => {
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
