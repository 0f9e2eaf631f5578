import { ConfigError } from '../errors/errors.ts'
import { withoutScope } from '../context/context.ts'

/**
 * Loads an optional peer dependency on first use, outside any unit of work, and keeps it. A failed load is retried by the
 * next call, since the package may be installed while a development process runs.
 *
 * Await the import inside a `try`, as the example does: outside of one, webpack, Turbopack and esbuild fail the build on an
 * `import()` of a missing package, and every application would need the packages of every vendor.
 *
 * @example
 * const load = lazyPeer(async () => {
 *   try {
 *     return await import('ioredis')
 *   } catch (cause) {
 *     throw peerMissing('cache', 'ioredis', cause)
 *   }
 * })
 */
export function lazyPeer<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined
  return () =>
    (loaded ??= withoutScope(load).catch((error: unknown) => {
      loaded = undefined
      throw error
    }))
}

/** Makes the error for an optional peer that could not be loaded, with the install command. Its code is `PEER_MISSING`. */
export function peerMissing(scope: string, name: string, cause: unknown): ConfigError {
  return new ConfigError(`[msc/${scope}] The package ${name} could not be loaded.`, {
    code: 'PEER_MISSING',
    hint: `Install it next to @msc/${scope}: npm install ${name}`,
    cause,
  })
}
