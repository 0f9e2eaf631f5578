import { ConfigError } from './errors.ts'
import { withoutScope } from './context.ts'

/**
 * Loads an optional peer dependency on first use, in nobody's unit of work, and keeps the promise. Pass the import as a function with a literal
 * specifier, so that bundlers see it.
 *
 * @throws ConfigError naming the package to install when it isn't there.
 * @example const load = lazyPeer('cache', '@upstash/redis', () => import('@upstash/redis'))
 */
export function lazyPeer<T>(scope: string, name: string, load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined
  return () =>
    (loaded ??= withoutScope(load).catch((cause: unknown) => {
      // Forget the failure: in development the package may be installed while the process runs.
      loaded = undefined
      throw new ConfigError(`[msc/${scope}] The package ${name} could not be loaded.`, {
        code: 'PEER_MISSING',
        hint: `Install it next to @msc/${scope}: npm install ${name}`,
        cause,
      })
    }))
}
