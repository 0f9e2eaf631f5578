import type { CacheCoordination } from './coordination.ts'
import { VERBS, type Verb } from './verbs.ts'
import type { CacheCapabilities, CacheDriver, PromiseOr } from './driver.ts'

/**
 * A driver that is loaded when it is first called, so that the entry point stays small for who needs another.
 *
 * @param load Makes one that has every optional method but `listen`: a method's presence is read before it is loaded.
 */
export function lazyDriver(
  { name, endpoint, variables }: Pick<CacheDriver, 'name'> & Required<Pick<CacheDriver, 'endpoint' | 'variables'>>,
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
  /** One method of the driver, or of a part of it, that waits for the driver if it must. */
  const later =
    <Part, Name extends keyof Part>(partOf: (driver: CacheDriver) => Part, method: Name) =>
    (...args: never[]): PromiseOr<never> => {
      const run = (driver: CacheDriver): PromiseOr<never> =>
        (partOf(driver)[method] as (...args: never[]) => PromiseOr<never>)(...args)
      return loaded ? run(loaded) : ready().then(run)
    }
  const itself = (driver: CacheDriver): Required<CacheDriver> => driver as Required<CacheDriver>
  const coordination = (driver: CacheDriver): CacheCoordination => itself(driver).coordination
  return {
    specificationVersion: 1,
    name,
    endpoint,
    variables,
    capabilities,
    get: later(itself, 'get'),
    set: later(itself, 'set'),
    delete: later(itself, 'delete'),
    increment: later(itself, 'increment'),
    scan: later(itself, 'scan'),
    getMany: later(itself, 'getMany'),
    setMany: later(itself, 'setMany'),
    coordination: {
      ...(Object.fromEntries(
        Object.keys(VERBS).map((verb) => [verb, later(coordination, verb as Verb)]),
      ) as unknown as CacheCoordination),
      listen(log, onAppend) {
        const listening = ready().then((driver) => driver.coordination?.listen?.(log, onAppend))
        // The first command says why it could not be loaded.
        listening.catch(() => undefined)
        return async () => (await listening.catch(() => undefined))?.()
      },
    },
    health: async (signal) => (await ready()).health(signal),
    async close() {
      // One that was never called has nothing to close.
      if (loading) await (await ready().catch(() => undefined))?.close()
    },
  }
}
