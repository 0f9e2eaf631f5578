import { lazyDriver } from '@msc/core'
import type { CacheCoordination } from './coordination.ts'
import type { CacheCapabilities, CacheDriver } from './driver.ts'
import { VERBS, type Verb } from './verbs.ts'

/**
 * A driver that is loaded when it is first called, so that the entry point stays small for who needs another.
 *
 * @param load Makes one that has every optional method but `listen`: a method's presence is read before it is loaded.
 */
export function lazyCacheDriver(
  declared: Pick<CacheDriver, 'name'> & Required<Pick<CacheDriver, 'endpoint' | 'variables'>>,
  capabilities: CacheCapabilities,
  load: () => Promise<CacheDriver>,
): CacheDriver {
  const lazy = lazyDriver<Required<CacheDriver>>(declared.name, load as () => Promise<Required<CacheDriver>>)
  const verb = lazy.part(({ coordination }) => coordination)
  return {
    specificationVersion: 1,
    ...declared,
    capabilities,
    get: lazy.method('get'),
    set: lazy.method('set'),
    delete: lazy.method('delete'),
    increment: lazy.method('increment'),
    scan: lazy.method('scan'),
    getMany: lazy.method('getMany'),
    setMany: lazy.method('setMany'),
    coordination: {
      ...(Object.fromEntries(
        Object.keys(VERBS).map((name) => [name, verb(name as Verb)]),
      ) as unknown as CacheCoordination),
      listen(log, onAppend) {
        const listening = lazy.ready().then(({ coordination }) => coordination.listen?.(log, onAppend))
        // The first command says why it could not be loaded.
        listening.catch(() => undefined)
        return async () => (await listening.catch(() => undefined))?.()
      },
    },
    health: lazy.health,
    close: lazy.close,
  }
}
