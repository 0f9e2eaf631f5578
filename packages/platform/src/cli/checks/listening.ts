import { MscError, deadline, readEnv, type Env } from '@msc/core'
import { listen } from '@msc/core/postgres'
import { createDatabaseFromEnv } from '../../database/default-database.ts'
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
  const subscribed = async (): Promise<void> => (await store.subscribe?.(() => undefined))?.()
  const lost = 'Jobs can be sent through it, but workers do not start.'
  return proven({ check: 'jobs', subject: 'postgres', lost }, subscribed).finally(() => store.close())
}

/** Does the same for the outbox and the feeds of the database. */
export async function checkDatabaseListening(env: Env): Promise<Finding[]> {
  const database = createDatabaseFromEnv({}, { ...env, MSC_QUIET: '1' })
  const listened = async (): Promise<void> => {
    const nothing = (): void => undefined
    const name = '[msc/database] msc doctor'
    const stop = await listen(await database.client(), 'msc_doctor', { name, onNotice: nothing, onListening: nothing })
    await stop()
  }
  const lost =
    'Transactions work through it, but the outbox looks at its table instead of listening, and feeds do not start.'
  return proven({ check: 'database', subject: database.driverName, lost }, listened).finally(() => database.close())
}

interface Proof {
  readonly check: string
  readonly subject: string
  /** What does not work behind a transaction pooler. */
  readonly lost: string
}

async function proven({ check, subject, lost }: Proof, listened: () => Promise<void>): Promise<Finding[]> {
  try {
    await deadline(listened, { operation: 'Listening to Postgres', timeoutMs: PROOF_MS })
    return []
  } catch (error) {
    if (!MscError.isInstance(error) || !/^POSTGRES_(?:POOLED|UNHEARD)$/.test(error.code)) return []
    const { code, message, hint } = error
    return [
      { check, status: 'warning', code, subject, detail: `${message} ${lost}`, ...(hint !== undefined && { hint }) },
    ]
  }
}
