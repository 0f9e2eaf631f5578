// One process of the outbox's chaos: delivers to an HTTP receiver until it is killed.
import { createDatabase } from '../database/create-database.ts'
import { postgres } from '../database/drivers/postgres.ts'
import { createOutbox } from '../outbox/create-outbox.ts'
import type { Deliver } from '../outbox/outbox.ts'

export interface RelayTask {
  readonly database: string
  readonly receiver: string
  readonly leaseMs: number
}

/** The kinds of entries in the chaos. */
export const KINDS: readonly string[] = ['plain', 'ordered']

const task = JSON.parse(process.argv[2] ?? '{}') as RelayTask

const send: Deliver = async (entry, { signal }) => {
  const response = await fetch(task.receiver, { method: 'POST', body: JSON.stringify(entry), signal })
  if (!response.ok) throw new Error(`The receiver answered ${response.status}.`)
}

const database = createDatabase({ driver: postgres({ url: task.database, maxConnections: 4 }), timeoutMs: 3000 })
createOutbox({
  database,
  deliver: Object.fromEntries(KINDS.map((kind) => [kind, send])),
  leaseMs: task.leaseMs,
  timeoutMs: task.leaseMs / 2,
  pollMs: 500,
  // Retries soon: the chaos lasts for seconds only.
  random: () => Math.random() * 0.2,
  onError: () => undefined,
}).start()
// Whoever started it is gone: so is the need for it.
process.stdin.on('end', () => process.exit(0)).resume()
