import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createClosing } from './closing.ts'

describe('closing', () => {
  const reason = new Error('closed')
  const untilEnded = (signal: AbortSignal): Promise<unknown> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))

  it('aborts all pending calls, each by a signal of its own', async () => {
    const closing = createClosing()
    const seen = new Set<AbortSignal>()
    const calls = Array.from({ length: 50 }, () =>
      closing.during((signal) => {
        seen.add(signal)
        return untilEnded(signal)
      }),
    )
    expect(seen.size).toBe(50)
    expect(getEventListeners(closing.signal, 'abort')).toEqual([])
    closing.end(reason)
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, () => reason))
  })

  it('leaves finished calls alone, and gives later calls an aborted signal', async () => {
    const closing = createClosing()
    let over: AbortSignal | undefined
    await closing.during(async (signal) => {
      over = signal
    })
    await expect(closing.during(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    closing.end(reason)
    expect(over?.aborted).toBe(false)
    expect(await closing.during(async (signal) => signal.reason as unknown)).toBe(reason)
  })
})
