import { afterEach, describe, expect, it, vi } from 'vitest'
import { defaultInstance } from './default-instance.ts'
import { setErrorReporter } from '../errors/failures.ts'

const NAME = '@msc/test-defaults'
let made = 0
const create = (close: () => Promise<void> = async () => undefined) => ({ id: (made += 1), close: vi.fn(close) })
// Two copies of one package, as a bundler makes them.
const first = defaultInstance(NAME, create)
const second = defaultInstance(NAME, create)

afterEach(() => first.set(undefined))

describe('the default instance', () => {
  it('is created once, by the first call, for all copies of the package', () => {
    expect(first.peek()).toBeUndefined()
    const instance = first.get()
    expect(second.get()).toBe(instance)
    expect(second.peek()).toBe(instance)
  })
  it('is created anew after it has been cleared', () => {
    const instance = first.get()
    first.set(undefined)
    expect(second.get()).not.toBe(instance)
    expect(instance.close).not.toHaveBeenCalled()
  })

  it.each([
    ['was created by the first call', () => first.get()],
    ['was configured', () => first.replace(create())],
  ])('that %s is closed once when another copy replaces it', (_who, make) => {
    const before = make()
    const next = second.replace(create())
    expect(first.get()).toBe(next)
    second.replace(create())
    expect(before.close).toHaveBeenCalledTimes(1)
    expect(next.close).toHaveBeenCalledTimes(1)
  })
  it('that a caller passed in stays open when it is replaced', () => {
    const given = create()
    first.set(given)
    second.replace(create())
    expect(given.close).not.toHaveBeenCalled()
  })
  it('that the package created stays open once a caller has passed it in', () => {
    const instance = first.get()
    first.set(create())
    first.set(instance)
    second.replace(create())
    expect(instance.close).not.toHaveBeenCalled()
  })
  it('stays open when it replaces itself', () => {
    const instance = first.get()
    expect(first.replace(instance)).toBe(instance)
    expect(instance.close).not.toHaveBeenCalled()
  })
  it('is replaced even if its close fails, and the failure is reported', async () => {
    const reporter = vi.fn()
    const restore = setErrorReporter(reporter)
    const failure = new Error('The socket is stuck.')
    first.replace(create(() => Promise.reject(failure)))
    const next = second.replace(create())
    expect(first.get()).toBe(next)
    await expect.poll(() => reporter.mock.calls).toEqual([[failure, { concern: 'test-defaults', operation: 'close' }]])
    restore()
  })
})
