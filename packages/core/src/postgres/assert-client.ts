import { assertMethods } from '../contract/assert-methods.ts'
import { ConfigError, readField } from '../errors/errors.ts'

/**
 * Reads a client that the application has made, when whatever takes it is made. Does no I/O.
 *
 * @param connections How many connections have to be had at a time: whoever listens keeps one.
 * @throws ConfigError `OPTION_INVALID` for what is neither a pool nor PGlite, and `JOBS_POOL_TOO_SMALL`, by the name of the
 *   concern, for a pool that says that it has fewer connections: all calls would wait for one that is never free.
 */
export function assertClient(concern: string, client: unknown, connections: number): void {
  assertMethods(concern, 'client', client, ['query'])
  const isEmbedded = typeof readField(client, 'listen') === 'function'
  const isPool = typeof readField(client, 'connect') === 'function' && readField(client, 'processID') === undefined
  if (!isEmbedded && !isPool) {
    throw new ConfigError(`[msc/${concern}] \`client\` is neither a pool of \`pg\` nor PGlite.`, {
      code: 'OPTION_INVALID',
      hint: 'Pass new pg.Pool({ … }): a single connection can not be replaced when it is lost.',
    })
  }
  const max = readField(readField(client, 'options'), 'max')
  if (isEmbedded || typeof max !== 'number' || max >= connections) return
  throw new ConfigError(
    `[msc/${concern}] The pool has ${max} connection${max === 1 ? '' : 's'}, of ${connections} that it needs.`,
    {
      code: `${concern.toUpperCase()}_POOL_TOO_SMALL`,
      hint: `One of them listens. Make the pool with max: ${connections} or more.`,
    },
  )
}
