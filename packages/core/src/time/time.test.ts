import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { backoff } from './backoff.ts'
import { createBreaker } from '../service/breaker.ts'
import { sleep, systemClock } from './clock.ts'
import { deadline } from './deadline.ts'
import { duration } from './duration.ts'
import { createManualClock } from '../testing/index.ts'

describe('duration', () => {
  it.each([
    [90, 90_000],
    [0, 0],
    ['250ms', 250],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['2d', 172_800_000],
    ['1h 30m', 5_400_000],
  ])('%j is %d ms', (input, expected) => {
    expect(duration(input)).toBe(expected)
  })
  it.each(['', '5', '5x', 'm', '-5m', '5m!', -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %j', (input) => {
    expect(() => duration(input)).toThrow(expect.objectContaining({ code: 'DURATION_INVALID' }))
  })
})

describe('deadline', () => {
  const options = (clock = createManualClock()) => ({ operation: 'GET k', timeoutMs: 100, clock })

  it('keeps the process alive while a caller waits', async () => {
    const clock = createManualClock()
    const setTimeout = vi.spyOn(clock, 'setTimeout')
    await deadline(async () => 7, options(clock))
    expect(setTimeout).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 100, { keepAlive: true })
    for (const keepAlive of [true, false]) {
      void sleep(5, { clock, keepAlive })
      expect(setTimeout).toHaveBeenLastCalledWith(expect.any(Function), 5, expect.objectContaining({ keepAlive }))
    }
  })

  it('passes a value or an error through and leaves no timer', async () => {
    const clock = createManualClock()
    expect(await deadline(async () => 7, options(clock))).toBe(7)
    await expect(deadline(() => Promise.reject(new Error('no')), options(clock))).rejects.toThrow('no')
    await expect(
      deadline(() => {
        throw new Error('at once')
      }, options(clock)),
    ).rejects.toThrow('at once')
    expect(clock.pending).toBe(0)
  })

  it('rejects for a call that ignores its signal, and ignores its late rejection', async () => {
    const clock = createManualClock()
    let fail: (error: Error) => void = () => {}
    let aborted = false
    const call = deadline((signal) => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise((_, reject) => (fail = reject))
    }, options(clock))
    const outcome = expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: true })
    await clock.advance(100)
    await outcome
    expect(aborted).toBe(true)
    fail(new Error('too late to matter'))
    await clock.advance(1)
  })

  it("rejects with the caller's reason when the caller aborts", async () => {
    const abort = new AbortController()
    const call = deadline(() => new Promise(() => {}), { ...options(), signal: abort.signal })
    abort.abort(new Error('gone'))
    await expect(call).rejects.toThrow('gone')
    await expect(deadline(async () => 1, { ...options(), signal: abort.signal })).rejects.toThrow('gone')
  })
})

describe('sleep', () => {
  it('ends on time, or at once when aborted, and leaves no timer', async () => {
    const clock = createManualClock()
    let woke = false
    const asleep = sleep(50, { clock }).then(() => (woke = true))
    await clock.advance(49)
    expect(woke).toBe(false)
    await clock.advance(1)
    await asleep
    const abort = new AbortController()
    const second = sleep(50, { clock, signal: abort.signal })
    abort.abort(new Error('woken'))
    await expect(second).rejects.toThrow('woken')
    expect(clock.pending).toBe(0)
  })
})

describe('the system clock', () => {
  afterEach(() => {
    vi.useRealTimers()
  })
  it("waits longer than the platform's timers can", async () => {
    vi.useFakeTimers()
    const fired: string[] = []
    const days = 24 * 3600 * 1000
    systemClock.setTimeout(() => fired.push('thirty days'), 30 * days)
    const cancel = systemClock.setTimeout(() => fired.push('cancelled'), 60 * days)
    await vi.advanceTimersByTimeAsync(29.9 * days)
    expect(fired).toEqual([])
    await vi.advanceTimersByTimeAsync(0.2 * days)
    expect(fired).toEqual(['thirty days'])
    cancel()
    expect(vi.getTimerCount()).toBe(0)
  })
  it('keeps a process alive only when asked to', () => {
    const alive = (options?: { keepAlive: boolean }): boolean => {
      const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
      const cancel = systemClock.setTimeout(() => undefined, 60_000, options)
      const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
      cancel()
      return after > before
    }
    expect(alive()).toBe(false)
    expect(alive({ keepAlive: true })).toBe(true)
  })
  it.each([Number.NaN, -1])('fires at once for %d', async (ms) => {
    await new Promise<void>((resolve) => {
      systemClock.setTimeout(resolve, ms)
    })
  })
})

describe('backoff', () => {
  it('is uniform below a ceiling that doubles up to the maximum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, random) => {
          const ms = backoff(attempt, { baseMs: 100, maxMs: 5000, random: () => random })
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThanOrEqual(Math.min(5000, 100 * 2 ** attempt))
        },
      ),
    )
    expect(backoff(3, { baseMs: 100, random: () => 0.5 })).toBe(400)
  })
})

describe('breaker', () => {
  const failing = () => Promise.reject(new Error('down'))

  it('opens after failures in a row, lets one probe through after the cool-down, and closes on its success', async () => {
    const clock = createManualClock()
    const states: string[] = []
    const breaker = createBreaker({
      name: 'x',
      threshold: 2,
      cooldownMs: 1000,
      clock,
      onChange: (state) => states.push(state),
    })
    await expect(breaker.run(failing)).rejects.toThrow('down')
    await breaker.run(async () => 1)
    await expect(breaker.run(failing)).rejects.toThrow('down')
    expect(breaker.state).toBe('closed')
    await expect(breaker.run(failing)).rejects.toThrow('down')
    await expect(breaker.run(async () => 1)).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    await clock.advance(1000)
    expect(breaker.tryAcquire()).toBe(true)
    expect(breaker.tryAcquire()).toBe(false)
    breaker.fail()
    expect(breaker.state).toBe('open')
    await clock.advance(1000)
    expect(await breaker.run(async () => 2)).toBe(2)
    expect(breaker.state).toBe('closed')
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
  })
})
