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

describe('a lazily loaded driver', () => {
  it('is loaded once, by the first call', async () => {
    const load = vi.fn(async () => driver())
    const lazy = lazyDriver('test', load)
    const read = lazy.method('read')
    const count = lazy.part(({ part }) => part)('count')
    expect(load).not.toHaveBeenCalled()
    expect(await Promise.all([read('k'), count(1), lazy.health(signal)])).toEqual(['a:k', 2, undefined])
    expect(load).toHaveBeenCalledTimes(1)
  })
  it('is called synchronously once it is loaded, with itself as `this`', async () => {
    const lazy = lazyDriver('test', async () => driver())
    await lazy.ready()
    expect(lazy.method('read')('k')).toBe('a:k')
  })
  it('reports that its code is missing, and loads it with the next call', async () => {
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
  it('passes an MscError on unchanged', async () => {
    const error = new ConfigError('No.', { code: 'PEER_MISSING' })
    await expect(lazyDriver('test', () => Promise.reject(error)).health(signal)).rejects.toBe(error)
  })
  it('can be closed without being loaded, and is not loaded afterwards', async () => {
    const load = vi.fn(async () => driver())
    const lazy = lazyDriver('test', load)
    await lazy.close()
    await expect(lazy.method('read')('k')).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    await expect(lazy.health(signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    expect(load).not.toHaveBeenCalled()
  })
  it('closes the driver if close is called while it is loading', async () => {
    const made = driver()
    const lazy = lazyDriver('test', async () => made)
    const reading = lazy.method('read')('k')
    await lazy.close()
    expect(made.close).toHaveBeenCalledTimes(1)
    expect(await reading).toBe('a:k')
  })
  it.each(['loaded', 'loading'])('rejects every call after close with DRIVER_CLOSED, %s or not', async (when) => {
    const lazy = lazyDriver('test', async () => driver())
    const before = when === 'loaded' ? await lazy.ready() : lazy.ready()
    const closing = lazy.close()
    const calls = [
      lazy.method('read')('k'),
      lazy.health(signal),
      lazy.ready(),
      lazy.part(({ part }) => part)('count')(1),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    await Promise.all([before, closing])
  })
  it('stops waiting for its code when the signal of a health check aborts', async () => {
    const ending = new AbortController()
    const checking = lazyDriver('test', () => new Promise<Driver>(() => {})).health(ending.signal)
    ending.abort(new Error('late'))
    await expect(checking).rejects.toThrow('late')
  })
  it('reports a load that throws at once like one that rejects', async () => {
    const load = (): never => {
      throw new TypeError('no module')
    }
    await expect(lazyDriver('test', load).ready()).rejects.toMatchObject({ code: 'DRIVER_NOT_LOADED' })
  })
})
