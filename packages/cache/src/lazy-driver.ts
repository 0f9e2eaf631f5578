import type { CacheCapabilities, CacheDriver, PromiseOr } from './driver.ts'

type Method = 'get' | 'set' | 'delete' | 'increment' | 'scan' | 'getMany' | 'setMany' | 'evaluate'

/**
 * A driver that is loaded when it is first called, so that the entry point stays small for who needs another.
 *
 * @param load Makes one that has every method named here.
 */
export function lazyDriver(
  name: string,
  capabilities: CacheCapabilities,
  load: () => Promise<CacheDriver>,
): CacheDriver {
  let loaded: CacheDriver | undefined
  let loading: Promise<CacheDriver> | undefined
  const ready = (): Promise<CacheDriver> =>
    (loading ??= load().then(
      (driver) => (loaded = driver),
      (error: unknown) => {
        // A chunk that could not be fetched may be there next time.
        loading = undefined
        throw error
      },
    ))
  const call =
    (method: Method) =>
    (...args: never[]): PromiseOr<never> => {
      const run = (driver: CacheDriver): PromiseOr<never> =>
        (driver[method] as (...args: never[]) => PromiseOr<never>)(...args)
      return loaded ? run(loaded) : ready().then(run)
    }
  return {
    specificationVersion: 1,
    name,
    capabilities,
    get: call('get'),
    set: call('set'),
    delete: call('delete'),
    increment: call('increment'),
    scan: call('scan'),
    getMany: call('getMany'),
    setMany: call('setMany'),
    evaluate: call('evaluate'),
    listen(channel, onMessage) {
      const listening = ready().then((driver) => driver.listen?.(channel, onMessage))
      // The first command says why it could not be loaded.
      listening.catch(() => undefined)
      return async () => (await listening.catch(() => undefined))?.()
    },
    health: async (signal) => (await ready()).health(signal),
    async close() {
      // One that was never called has nothing to close.
      if (loading) await (await ready().catch(() => undefined))?.close()
    },
  }
}
