import { assertMethods } from '../contract/options/assert-methods.ts'
import { ConfigError, readField } from '../errors/errors.ts'

/** The smallest pool that works: one connection listens, and statements need another. */
export const LEAST_CONNECTIONS = 2

/**
 * Checks a client that the application passes in. It does no I/O, so a constructor can call it.
 *
 * @throws ConfigError `OPTION_INVALID` for a client that is neither a pool nor PGlite, and `JOBS_POOL_TOO_SMALL` (with the
 *   concern's name) for a pool whose `max` is 1. All statements would wait for its only connection, which listens here or in
 *   another part that shares the pool, or may have gone silent.
 */
export function assertClient(concern: string, client: unknown): void {
  assertMethods(concern, 'client', client, ['query'])
  const isEmbedded = typeof readField(client, 'listen') === 'function'
  const isPool = typeof readField(client, 'connect') === 'function' && readField(client, 'processID') === undefined
  if (!isEmbedded && !isPool) {
    throw new ConfigError(`[msc/${concern}] \`client\` is neither a \`pg\` pool nor PGlite.`, {
      code: 'OPTION_INVALID',
      hint: 'Pass new pg.Pool({ … }): a single client can not reconnect after its connection is lost.',
    })
  }
  if (!isEmbedded) assertPoolSize(concern, client, LEAST_CONNECTIONS)
}

/**
 * Checks that a pool can have `needed` connections at once.
 *
 * @throws ConfigError `<CONCERN>_POOL_TOO_SMALL`.
 */
export function assertPoolSize(concern: string, pool: unknown, needed: number): void {
  // `pg` takes a text too, as the environment has it.
  const max = Number(readField(readField(pool, 'options'), 'max') ?? needed)
  if (!(max < needed)) return
  throw new ConfigError(`[msc/${concern}] The pool has ${max} connection${max === 1 ? '' : 's'} and needs ${needed}.`, {
    code: `${concern.toUpperCase()}_POOL_TOO_SMALL`,
    hint: `Create the pool with max: ${needed} or more: each part that listens keeps a connection, and statements need another.`,
  })
}
