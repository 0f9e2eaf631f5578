import { toError, withCarrier } from '@msc/core'
import { captureException } from '@msc/monitoring'
import { getDefaultRealtime } from '@msc/realtime'
import { unstamped, type FeedMessage, type FeedSource } from '@msc/realtime/server'

/**
 * Hands what the embedded database says of its rows to a realtime service elsewhere, in order: where the database is
 * Supabase's own, it does so itself. A message that is not taken is reported and not tried again: that service keeps no
 * history of it, and clients reload when they were away.
 */
export async function forwardFeeds(feeds: FeedSource): Promise<void> {
  let queue: Promise<void> = Promise.resolve()
  const forward = async ({ topic, event, payload }: FeedMessage): Promise<void> => {
    const { stamp, payload: change } = unstamped(payload)
    const { traceparent } = stamp
    await withCarrier(traceparent === undefined ? {} : { traceparent }, () =>
      getDefaultRealtime().publish(topic, event, change, { private: true }),
    )
  }
  await feeds.start((message) => {
    queue = queue
      .then(() => forward(message))
      .catch((error: unknown) => void captureException(toError(error), { tags: { operation: 'feeds' } }))
  })
}
