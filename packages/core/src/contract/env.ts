import { ConfigError } from '../errors/errors.ts'
import { processSlot } from '../slot.ts'

export type Env = Readonly<Record<string, string | undefined>>

/**
 * The process's environment, read at run time. Looked up through `globalThis` so that a bundler can't inline
 * `NEXT_PUBLIC_*` values at build time, and so that it is empty (not a ReferenceError) in a browser.
 */
export function processEnv(): Env {
  return (globalThis as { process?: { env?: Env } }).process?.env ?? {}
}

/** One variable, trimmed; empty counts as unset. */
export function readEnv(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

/**
 * The variables that only make sense together: all of them, or `undefined` when none is set.
 *
 * @throws ConfigError naming the missing ones when only some are set.
 */
export function readEnvGroup<const Name extends string>(
  env: Env,
  scope: string,
  names: readonly Name[],
): Record<Name, string> | undefined {
  const found = names.filter((name) => readEnv(env, name) !== undefined)
  if (found.length === 0) return undefined
  const missing = names.filter((name) => !found.includes(name))
  if (missing.length > 0) {
    throw new ConfigError(`[msc/${scope}] ${found.join(', ')} is set but ${missing.join(', ')} is not.`, {
      code: 'CONFIG_HALF_SET',
      hint: `Set ${missing.join(' and ')} too, or remove ${found.join(' and ')} to use the embedded driver.`,
    })
  }
  return Object.fromEntries(names.map((name) => [name, readEnv(env, name)])) as Record<Name, string>
}

export interface EmbeddedChoice {
  /** `cache`, `jobs`, … */
  readonly scope: string
  readonly driver: string
  /** What an embedded driver loses in production: said in the error. */
  readonly risk: string
  /** Variables that would choose a vendor instead. */
  readonly variables: readonly string[]
}

/**
 * Called when no variable chose a backend. Says so once, and refuses in production, where an embedded driver would
 * lose data or see only its own process, unless `MSC_ALLOW_EMBEDDED` is `1` or lists the scope (`cache,jobs`).
 *
 * @throws ConfigError in production without that permission.
 */
export function acceptEmbedded(env: Env, choice: EmbeddedChoice): void {
  const allowed = (readEnv(env, 'MSC_ALLOW_EMBEDDED') ?? '').split(',').map((part) => part.trim())
  const permitted = allowed.includes('1') || allowed.includes(choice.scope)
  // During `next build` modules are evaluated with NODE_ENV=production, and nothing is served yet.
  const building = env['NEXT_PHASE'] === 'phase-production-build'
  if (env['NODE_ENV'] === 'production' && !permitted && !building) {
    throw new ConfigError(
      `[msc/${choice.scope}] Production has no backend configured, and the embedded ${choice.driver} driver ${choice.risk}.`,
      {
        code: 'EMBEDDED_IN_PRODUCTION',
        hint: `Set ${choice.variables.join(', ')}, or MSC_ALLOW_EMBEDDED=${choice.scope} to run on one machine on purpose.`,
      },
    )
  }
  notice(
    `[msc/${choice.scope}] Using the embedded driver (${choice.driver}). Set ${choice.variables.join(', ')} to change that.`,
    env,
  )
}

function notice(message: string, env: Env): void {
  if (permittedSilence(env)) return
  const said = processSlot('core/notices', () => new Set<string>())
  if (said.has(message)) return
  said.add(message)
  console.info(message)
}

function permittedSilence(env: Env): boolean {
  return env['MSC_QUIET'] === '1' || env['NODE_ENV'] === 'test'
}
