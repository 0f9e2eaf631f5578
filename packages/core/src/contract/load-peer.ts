import { ConfigError } from '../errors/errors.ts'
import { withoutScope } from '../context/context.ts'

/**
 * Loads an optional peer dependency on first use, outside any unit of work, and keeps it. A failed load is forgotten, since
 * in development the package may be installed while the process runs.
 *
 * Write the import in a `try` that awaits it, as the example does: webpack, Turbopack and esbuild refuse to build a file
 * whose `import()` of a missing package is not in one, and every application would need every vendor.
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

/** The error of an optional peer that could not be loaded, with the command that installs it. Code `PEER_MISSING`. */
export function peerMissing(scope: string, name: string, cause: unknown): ConfigError {
  return new ConfigError(`[msc/${scope}] The package ${name} could not be loaded.`, {
    code: 'PEER_MISSING',
    hint: `Install it next to @msc/${scope}: npm install ${name}`,
    cause,
  })
}
