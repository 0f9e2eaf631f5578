import { assertMethods } from '../contract/assert-methods.ts'
import { ConfigError, readField } from '../errors/errors.ts'

/** Of a pool: one connection listens, and all that is asked would wait for it. */
export const LEAST_CONNECTIONS = 2

/**
 * Reads a client that the application has made, when whatever takes it is made. Does no I/O.
 *
 * @throws ConfigError `OPTION_INVALID` for what is neither a pool nor PGlite, and `JOBS_POOL_TOO_SMALL`, by the name of the
 *   concern, for a pool that says that it has one connection: all calls would wait for the one that listens, in this part or in another
 *   that the pool is shared with, or for one that has gone silent.
 */
export function assertClient(concern: string, client: unknown): void {
  assertMethods(concern, 'client', client, ['query'])
  const isEmbedded = typeof readField(client, 'listen') === 'function'
  const isPool = typeof readField(client, 'connect') === 'function' && readField(client, 'processID') === undefined
  if (!isEmbedded && !isPool) {
    throw new ConfigError(`[msc/${concern}] \`client\` is neither a pool of \`pg\` nor PGlite.`, {
      code: 'OPTION_INVALID',
      hint: 'Pass new pg.Pool({ … }): a single connection can not be replaced when it is lost.',
    })
  }
  // `pg` takes a text too, as the environment has it.
  const max = Number(readField(readField(client, 'options'), 'max') ?? LEAST_CONNECTIONS)
  if (isEmbedded || !(max < LEAST_CONNECTIONS)) return
  throw new ConfigError(
    `[msc/${concern}] The pool has ${max} connection${max === 1 ? '' : 's'}, of ${LEAST_CONNECTIONS} that it needs.`,
    {
      code: `${concern.toUpperCase()}_POOL_TOO_SMALL`,
      hint: `Make the pool with max: ${LEAST_CONNECTIONS} or more: one connection listens, the others are asked.`,
    },
  )
}
