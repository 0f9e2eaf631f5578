import { MscError, deadline, readEnv, type Env } from '@msc/core'
import type { Finding } from '../finding.ts'

/** Milliseconds to connect, plus the five seconds after which the store gives up on a notification. */
const PROOF_MS = 15_000

/**
 * Checks that a worker would receive notifications from the Postgres in DATABASE_URL. It subscribes as a worker does at its
 * start, because behind a transaction pooler everything else works. It ignores other errors, such as an unreachable database,
 * which the check of the backend reports.
 */
export async function checkListening(env: Env): Promise<Finding[]> {
  const { postgresStore } = await import('@msc/jobs/stores/postgres')
  const url = readEnv(env, 'DATABASE_URL')
  if (url === undefined) return []
  const store = postgresStore({ url, maxConnections: 2 })
  try {
    const subscribed = async (): Promise<void> => (await store.subscribe?.(() => undefined))?.()
    await deadline(subscribed, { operation: 'Listening to Postgres', timeoutMs: PROOF_MS })
    return []
  } catch (error) {
    if (!MscError.isInstance(error) || !/^POSTGRES_(?:POOLED|UNHEARD)$/.test(error.code)) return []
    const { code, message, hint } = error
    const detail = `${message} Jobs can be sent through it, but workers do not start.`
    return [
      { check: 'jobs', status: 'warning', code, subject: 'postgres', detail, ...(hint !== undefined && { hint }) },
    ]
  } finally {
    await store.close()
  }
}
