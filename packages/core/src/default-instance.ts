import { CONTRACT_VERSION } from './slot.ts'

export interface DefaultInstance<T> {
  /** The instance that was set, else one made by `create` and kept. */
  get(): T
  /** Replaces it; `undefined` makes the next `get` create a new one. Closes nothing: who made the old one owns it. */
  set(instance: T | undefined): void
  /** The instance if there is one already. */
  peek(): T | undefined
}

/**
 * The default instance behind a package's named functions. Kept on `globalThis` because Next.js bundles a module
 * several times, and every copy must act on one instance.
 *
 * @param name The package, for example `@msc/cache`; its slot is `Symbol.for('@msc/cache@1')`.
 */
export function defaultInstance<T>(name: string, create: () => T): DefaultInstance<T> {
  const key = Symbol.for(`${name}@${CONTRACT_VERSION}`)
  const globals = globalThis as unknown as Record<symbol, T | undefined>
  return {
    get: () => (globals[key] ??= create()),
    set(instance) {
      globals[key] = instance
    },
    peek: () => globals[key],
  }
}
