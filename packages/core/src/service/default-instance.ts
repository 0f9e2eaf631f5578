import { runReported } from '../errors/failures.ts'
import { CONTRACT_VERSION, processSlot } from '../slot.ts'

export interface DefaultInstance<T> {
  /** The instance that is there, else one made by `create`, kept, and the package's own. */
  get(): T
  /**
   * Puts an instance of the caller's in its place; `undefined` makes the next `get` create a new one. Closes nothing: what
   * is given here is the giver's to close, and so is what it takes the place of.
   */
  set(instance: T | undefined): void
  /**
   * Puts an instance that the package made in its place, and returns it. If the one before was the package's own too (made
   * by `get`, or put here by `replace`), nobody else would ever close it: that happens in the background, and a failure
   * is reported.
   */
  replace(instance: T): T
  /** The instance if there is one already. */
  peek(): T | undefined
}

/**
 * The default instance behind a package's named functions. Kept on `globalThis` because Next.js bundles a module
 * several times, and every copy must act on one instance.
 *
 * @param name The package, for example `@msc/cache`; its slot is `Symbol.for('@msc/cache@1')`.
 */
export function defaultInstance<T extends object>(name: string, create: () => T): DefaultInstance<T> {
  const key = Symbol.for(`${name}@${CONTRACT_VERSION}`)
  const globals = globalThis as unknown as Record<symbol, T | undefined>
  // Shared by the copies of a package as the instance is: whoever replaces it has to know who made it.
  const own = (): WeakSet<T> => processSlot('core/own-defaults', () => new WeakSet<T>())
  const keep = (instance: T): T => {
    own().add(instance)
    return (globals[key] = instance)
  }
  return {
    get: () => globals[key] ?? keep(create()),
    set(instance) {
      if (instance) own().delete(instance)
      globals[key] = instance
    },
    replace(instance) {
      const before = globals[key]
      keep(instance)
      if (before && before !== instance && own().delete(before)) {
        runReported(() => (before as { close?(): unknown }).close?.(), {
          concern: name.replace('@msc/', ''),
          operation: 'close',
        })
      }
      return instance
    },
    peek: () => globals[key],
  }
}
