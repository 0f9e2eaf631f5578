import { getDefaultAnalytics } from '@msc/analytics'
import { processSlot } from '@msc/core'
import { triggerAIJob } from '@msc/jobs'
import { addToOutbox, createOutbox, getDefaultDatabase, type Outbox, type Transaction } from '@msc/platform'
import { z } from 'zod'

const analysis = z.object({ releaseId: z.uuid(), userId: z.uuid(), request: z.int() })
const event = z.object({ userId: z.string(), name: z.string(), properties: z.record(z.string(), z.json()) })

/** The id of the job that a release's analysis is, and by which the page asks for its state. */
export function analysisEventId(releaseId: string, request: number): string {
  return `analysis-${releaseId}-${request}`
}

/** The key of the outbox row that asks for it, as the database's trigger makes it. */
export function analysisKey(releaseId: string, request: number): string {
  return `analysis:${releaseId}:${request}`
}

/**
 * What happens because a row was written. A row may be delivered twice, when a process is killed in between; whoever receives it
 * recognises its id.
 */
export function outbox(): Outbox {
  return processSlot('web/outbox', () =>
    createOutbox({
      database: getDefaultDatabase(),
      deliver: {
        // The database's trigger writes these.
        async analysis({ payload }) {
          const { releaseId, userId, request } = analysis.parse(payload)
          await triggerAIJob(userId, 'analyze-lyrics', { releaseId }, { id: analysisEventId(releaseId, request) })
        },
        async event({ id, payload }) {
          const { userId, name, properties } = event.parse(payload)
          const analytics = getDefaultAnalytics()
          await analytics.track(userId, name, properties, { id })
          // The row is done only when the event has left this process, which may be killed.
          await analytics.flush()
        },
      },
    }),
  )
}

/** Records an event in the transaction that it tells of. */
export async function trackWith(
  tx: Transaction,
  userId: string,
  name: string,
  properties: Record<string, string | number | boolean>,
): Promise<void> {
  await addToOutbox(tx, { kind: 'event', payload: { userId, name, properties } })
}
