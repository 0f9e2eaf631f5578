import type { PGlite } from '@electric-sql/pglite'
import { become, database, type Claims } from './database.ts'

/**
 * May the holder of `claims` read or write `topic`? Asked of the policies on `realtime.messages`, the way Supabase
 * does: probe rows are written, looked for as that user, and rolled back.
 */
export async function mayUseTopic(
  claims: Claims,
  topic: string,
  action: 'read' | 'write' | 'presence',
  on?: PGlite,
): Promise<boolean> {
  const db = on ?? (await database())
  let allowed = false
  await db.transaction(async (tx) => {
    const extension = action === 'presence' ? 'presence' : 'broadcast'
    if (action === 'read') {
      await tx.query('insert into realtime.messages (topic, extension, private) values ($1, $2, true)', [
        topic,
        extension,
      ])
    }
    await tx.query(`select set_config('realtime.topic', $1, true)`, [topic])
    await become(tx, claims)
    if (action === 'read') {
      const { rows } = await tx.query('select 1 from realtime.messages where topic = $1 limit 1', [topic])
      allowed = rows.length > 0
    } else {
      allowed = await tx
        .query('insert into realtime.messages (topic, extension, private) values ($1, $2, true)', [topic, extension])
        .then(
          () => true,
          () => false,
        )
    }
    await tx.rollback()
  })
  return allowed
}
