import { MscError, deadline, readEnv, type Env } from '@msc/core'
import type { Finding } from '../finding.ts'

/** The store finds out within five seconds that a notification stays away, after it has connected. */
const PROOF_MS = 15_000

/**
 * Whether a worker would hear of work on the Postgres that DATABASE_URL names, found out as the worker does when it starts:
 * behind a transaction pooler everything else works. A database that can't be asked has said so already.
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
    const detail = `${message} Sending works there; a worker does not start.`
    return [
      { check: 'jobs', status: 'warning', code, subject: 'postgres', detail, ...(hint !== undefined && { hint }) },
    ]
  } finally {
    await store.close()
  }
}
