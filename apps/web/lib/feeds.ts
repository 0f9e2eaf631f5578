import { toError, withCarrier } from '@msc/core'
import { captureException } from '@msc/monitoring'
import { getDefaultRealtime } from '@msc/realtime'
import { unstamped, type FeedMessage, type FeedSource } from '@msc/realtime/server'

/**
 * Forwards row changes of the embedded database to a realtime service elsewhere, in order. (A Supabase database does so
 * itself.) A message that is refused is reported and not retried: the service keeps no history, and clients reload
 * after they were away.
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
