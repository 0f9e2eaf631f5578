import { toError, withCarrier } from '@msc/core'
import { captureException } from '@msc/monitoring'
import { getDefaultRealtime } from '@msc/realtime'
import { database } from './db/database.ts'

interface Message {
  readonly topic: string
  readonly event: string
  readonly private: boolean
  readonly payload: Record<string, unknown> & { readonly record?: { readonly traceparent?: string } | null }
}

/**
 * Hands on what the database's triggers have put into `realtime.messages`: what Supabase does by itself, the embedded
 * database needs done. In the order of the rows; a message that can't be delivered is reported and not tried again,
 * since a client that was away reloads anyway.
 *
 * @returns A function that stops it, after the message in hand.
 */
export async function forwardMessages(): Promise<() => Promise<void>> {
  const db = await database()
  // What nobody fetched in three days, nobody will: as long as Supabase keeps it.
  await db.query(`delete from realtime.messages where inserted_at < now() - interval '3 days'`)
  let queue: Promise<void> = Promise.resolve()
  const forward = async (id: string): Promise<void> => {
    const { rows } = await db.query<Message>(
      'select topic, event, private, payload from realtime.messages where id = $1',
      [id],
    )
    const message = rows[0]
    if (!message) return
    const { topic, event, payload } = message
    const traceparent = payload.record?.traceparent
    // The trace of the work that wrote the row goes on in whoever hears of it.
    await withCarrier(traceparent === undefined ? {} : { traceparent }, () =>
      getDefaultRealtime().publish(topic, event, payload, { private: message.private }),
    )
  }
  const stop = await db.listen('realtime_messages', (id) => {
    queue = queue
      .then(() => forward(id))
      .catch((error: unknown) => void captureException(toError(error), { tags: { operation: 'realtime-outbox' } }))
  })
  return async () => {
    await stop()
    await queue
  }
}
