import type { JobStore } from '../store.ts'

/**
 * A store after whose `writes`-th change `kill` is called, before anybody hears that it was made: the worst moment for a
 * process to die. Claims that found nothing and leases that were only renewed are no changes.
 */
export function killAfter(store: JobStore, writes: number, kill: () => void): JobStore {
  let left = writes
  const counted =
    <Values extends unknown[], Result>(
      method: (...values: Values) => Promise<Result>,
      changed: (result: Result) => boolean,
    ) =>
    async (...values: Values): Promise<Result> => {
      const result = await method(...values)
      if (changed(result) && --left === 0) kill()
      return result
    }
  return {
    ...store,
    enqueue: counted(store.enqueue, Boolean),
    claim: counted(store.claim, (claimed) => claimed.length > 0),
    write: counted(store.write, (result) => result !== 'lost'),
    writeAndClaim: counted(store.writeAndClaim, ({ result, claimed }) => result !== 'lost' || claimed.length > 0),
    release: counted(store.release, (count) => count > 0),
    cancel: counted(store.cancel, Boolean),
  }
}
