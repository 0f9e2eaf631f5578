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
  it('is made by the first call, once for all copies of the package', () => {
    expect(first.peek()).toBeUndefined()
    const instance = first.get()
    expect(second.get()).toBe(instance)
    expect(second.peek()).toBe(instance)
  })
  it('is made anew after it was taken away', () => {
    const instance = first.get()
    first.set(undefined)
    expect(second.get()).not.toBe(instance)
    expect(instance.close).not.toHaveBeenCalled()
  })

  it.each([
    ['the first call made', () => first.get()],
    ['the one before was configured', () => first.replace(create())],
  ])('that %s is closed, once, when another copy replaces it', (_who, make) => {
    const before = make()
    const next = second.replace(create())
    expect(first.get()).toBe(next)
    second.replace(create())
    expect(before.close).toHaveBeenCalledTimes(1)
    expect(next.close).toHaveBeenCalledTimes(1)
  })
  it('that somebody gave stays open when it is replaced', () => {
    const given = create()
    first.set(given)
    second.replace(create())
    expect(given.close).not.toHaveBeenCalled()
  })
  it("that the package made is the giver's once it was given", () => {
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
  it('is replaced whatever its closing does, and the failure is reported', async () => {
    const heard = vi.fn()
    const restore = setErrorReporter(heard)
    const failure = new Error('The socket is stuck.')
    first.replace(create(() => Promise.reject(failure)))
    const next = second.replace(create())
    expect(first.get()).toBe(next)
    await expect.poll(() => heard.mock.calls).toEqual([[failure, { concern: 'test-defaults', operation: 'close' }]])
    restore()
  })
})
