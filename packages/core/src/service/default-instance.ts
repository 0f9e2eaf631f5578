import { runReported } from '../errors/failures.ts'
import { CONTRACT_VERSION, processSlot } from '../slot.ts'

export interface DefaultInstance<T> {
  /** Returns the current instance. When there is none, creates and keeps one, which the package then owns. */
  get(): T
  /**
   * Sets an instance that the caller owns; `undefined` makes the next `get` create a new one. Closes nothing: the caller
   * closes both the new instance and the one that it replaces.
   */
  set(instance: T | undefined): void
  /**
   * Sets an instance that the package owns, and returns it. A previous instance that the package owned too (made by `get`
   * or set by `replace`) is closed in the background, since nothing else would close it; a failure is reported.
   */
  replace(instance: T): T
  /** Returns the current instance, if any, without creating one. */
  peek(): T | undefined
}

/**
 * Holds the default instance behind a package's named functions. It lives on `globalThis`, because Next.js bundles a
 * module several times and all copies must act on one instance.
 *
 * @param name The package's name, for example `@msc/cache`, whose slot is `Symbol.for('@msc/cache@1')`.
 */
export function defaultInstance<T extends object>(name: string, create: () => T): DefaultInstance<T> {
  const key = Symbol.for(`${name}@${CONTRACT_VERSION}`)
  const globals = globalThis as unknown as Record<symbol, T | undefined>
  // Shared by all copies of a package, as the instance is: the copy that replaces it must know who owns it.
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
