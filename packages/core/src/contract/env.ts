import { ConfigError } from '../errors/errors.ts'
import { processSlot } from '../slot.ts'

export type Env = Readonly<Record<string, string | undefined>>

/**
 * Returns the process's environment, read at run time. It is looked up through `globalThis`, so that a bundler can't
 * inline `NEXT_PUBLIC_*` values at build time, and so that a browser gets an empty object rather than a ReferenceError.
 */
export function processEnv(): Env {
  return (globalThis as { process?: { env?: Env } }).process?.env ?? {}
}

/** Returns one variable, trimmed. An empty value counts as unset. */
export function readEnv(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

/**
 * Reads variables that only make sense together. Returns all of them, or `undefined` when none is set.
 *
 * @param companions Optional variables that mean nothing without the others. They are not returned.
 * @throws ConfigError `CONFIG_HALF_SET`, which names the missing variables, when only some are set.
 */
export function readEnvGroup<const Name extends string>(
  env: Env,
  scope: string,
  names: readonly Name[],
  companions: readonly string[] = [],
): Record<Name, string> | undefined {
  const found = [...names, ...companions].filter((name) => readEnv(env, name) !== undefined)
  if (found.length === 0) return undefined
  const missing = names.filter((name) => !found.includes(name))
  if (missing.length > 0) {
    throw new ConfigError(`[msc/${scope}] ${found.join(', ')} is set but ${missing.join(', ')} is not.`, {
      code: 'CONFIG_HALF_SET',
      hint: `Set ${missing.join(' and ')} too, or remove ${found.join(' and ')}.`,
    })
  }
  return Object.fromEntries(names.map((name) => [name, readEnv(env, name)])) as Record<Name, string>
}

/** What `MSC_ALLOW_EMBEDDED` can list. */
const SCOPES: ReadonlySet<string> = new Set([
  'monitoring',
  'cache',
  'analytics',
  'jobs',
  'realtime',
  'cron',
  'database',
])

export interface EmbeddedChoice {
  /** `cache`, `jobs`, … */
  readonly scope: string
  readonly driver: string
  /** What goes wrong with the embedded driver in production; part of the error's message. */
  readonly risk: string
  /** Variables that would choose a vendor instead. */
  readonly variables: readonly string[]
}

/**
 * To be called when no variable selects a backend. Prints a notice once. Refuses in production, where an embedded driver
 * would lose data or see only its own process, unless `MSC_ALLOW_EMBEDDED` is `1` or lists the scope (`cache,jobs`).
 *
 * @throws ConfigError `EMBEDDED_IN_PRODUCTION`, in production without that permission.
 */
export function acceptEmbedded(env: Env, choice: EmbeddedChoice): void {
  const embedded = choice.driver === 'embedded' ? 'embedded driver' : `embedded ${choice.driver} driver`
  const allowed = (readEnv(env, 'MSC_ALLOW_EMBEDDED') ?? '').split(',').map((part) => part.trim())
  const permitted = allowed.includes('1') || allowed.includes(choice.scope)
  const variables = choice.variables.join(', ').replace(/, or /g, ' or ')
  // `next build` evaluates modules with NODE_ENV=production although nothing is served yet.
  const building = readEnv(env, 'NEXT_PHASE') === 'phase-production-build'
  // Trimmed, because `set NODE_ENV=production && node …` on Windows keeps the space, and CRLF files the line break.
  if (readEnv(env, 'NODE_ENV') === 'production' && !permitted && !building) {
    const scopes = allowed.filter((part) => SCOPES.has(part))
    const unknown = allowed.filter((part) => part !== '' && !SCOPES.has(part))
    throw new ConfigError(
      `[msc/${choice.scope}] Production (NODE_ENV=production) has no backend configured, and the ${embedded} ${choice.risk}.`,
      {
        code: 'EMBEDDED_IN_PRODUCTION',
        hint: `Set ${variables}. To run on one machine on purpose, set MSC_ALLOW_EMBEDDED=${[...scopes, choice.scope].join(',')}, or 1 for all concerns.${unknown.length > 0 ? ' Its value has a name that is none of these: monitoring, cache, analytics, jobs, realtime, cron, database.' : ''}`,
      },
    )
  }
  notice(`[msc/${choice.scope}] Using the embedded driver (${choice.driver}). Set ${variables} to change that.`, env)
}

function notice(message: string, env: Env): void {
  if (isQuiet(env)) return
  const printed = processSlot('core/notices', () => new Set<string>())
  if (printed.has(message)) return
  printed.add(message)
  console.info(message)
}

function isQuiet(env: Env): boolean {
  return readEnv(env, 'MSC_QUIET') === '1' || readEnv(env, 'NODE_ENV') === 'test'
}
