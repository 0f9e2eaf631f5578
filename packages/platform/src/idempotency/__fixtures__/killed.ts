// A process that commits the row of a request and is killed before the answer is kept.
import { createDatabase } from '../../database/create-database.ts'
import { postgres } from '../../database/drivers/postgres.ts'
import { createIdempotency } from '../create-idempotency.ts'
import { idempotentId } from '../idempotency-key.ts'

const [url, fingerprint, leaseMs] = process.argv.slice(2) as [string, string, string]
const database = createDatabase({ driver: postgres({ url }) })
const idempotency = createIdempotency({ database, leaseMs: Number(leaseMs) })
await idempotency.run(
  { caller: ['user', 'killed'], operation: ['POST', '/api/releases'], key: 'k', fingerprint },
  async (idempotencyKey) => {
    const id = await idempotentId(idempotencyKey, 'release')
    await database.asService((tx) =>
      tx.query('insert into releases (id, title) values ($1, $2) on conflict (id) do nothing', [id, 'killed']),
    )
    process.kill(process.pid, 'SIGKILL')
    return Response.json({ id }, { status: 201 })
  },
)
