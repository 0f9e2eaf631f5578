import { describe, expect, it, vi } from 'vitest'
import type { DriverBase } from './driver.ts'
import { ConfigError } from '../errors/errors.ts'
import { lazyDriver } from './lazy-driver.ts'

interface Driver extends DriverBase {
  readonly label: string
  read(key: string): string | Promise<string>
  readonly part: { count(by: number): Promise<number> }
}

const driver = (): Driver => ({
  specificationVersion: 1,
  name: 'test',
  label: 'a',
  read(key) {
    return `${this.label}:${key}`
  },
  part: { count: async (by) => by + 1 },
  health: async () => undefined,
  close: vi.fn(async () => undefined),
})
const { signal } = new AbortController()

describe('a driver that is loaded late', () => {
  it('is loaded by the first call, once for all that wait', async () => {
    const load = vi.fn(async () => driver())
    const lazy = lazyDriver('test', load)
    const read = lazy.method('read')
    const count = lazy.part(({ part }) => part)('count')
    expect(load).not.toHaveBeenCalled()
    expect(await Promise.all([read('k'), count(1), lazy.health(signal)])).toEqual(['a:k', 2, undefined])
    expect(load).toHaveBeenCalledTimes(1)
  })
  it('is called at once when it is there, with itself as `this`', async () => {
    const lazy = lazyDriver('test', async () => driver())
    await lazy.ready()
    expect(lazy.method('read')('k')).toBe('a:k')
  })
  it('says that its code is missing, and is loaded when it is there again', async () => {
    const cause = new TypeError('Failed to fetch dynamically imported module')
    const load = vi.fn(async () => driver()).mockRejectedValueOnce(cause)
    const lazy = lazyDriver('test', load)
    await expect(lazy.method('read')('k')).rejects.toMatchObject({
      code: 'DRIVER_NOT_LOADED',
      driver: 'test',
      retryable: true,
      cause,
    })
    expect(await lazy.method('read')('k')).toBe('a:k')
  })
  it('hands on what our own errors say', async () => {
    const error = new ConfigError('No.', { code: 'PEER_MISSING' })
    await expect(lazyDriver('test', () => Promise.reject(error)).health(signal)).rejects.toBe(error)
  })
  it('is closed without being loaded, and not loaded after that', async () => {
    const load = vi.fn(async () => driver())
    const lazy = lazyDriver('test', load)
    await lazy.close()
    await expect(lazy.method('read')('k')).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    await expect(lazy.health(signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    expect(load).not.toHaveBeenCalled()
  })
  it('is closed when it comes, where it was closed while it was loaded', async () => {
    const made = driver()
    const lazy = lazyDriver('test', async () => made)
    const reading = lazy.method('read')('k')
    await lazy.close()
    expect(made.close).toHaveBeenCalledTimes(1)
    expect(await reading).toBe('a:k')
  })
})
