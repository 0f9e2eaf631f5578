import { toError, withCarrier } from '@msc/core'
import { captureException } from '@msc/monitoring'
import { getDefaultRealtime } from '@msc/realtime'
import type { FeedMessage, FeedSource } from '@msc/realtime/server'

/**
 * Forwards row changes of the embedded database to a realtime service elsewhere, in order. (A Supabase database does so
 * itself.) A message that is refused is reported and not retried: the service keeps no history, and clients reload
 * after they were away.
 */
export async function forwardFeeds(feeds: FeedSource): Promise<void> {
  let queue: Promise<void> = Promise.resolve()
  const forward = async ({ topic, event, payload }: FeedMessage): Promise<void> => {
    const { _msc: stamp, ...rest } = payload as { _msc?: { traceparent?: string } }
    const traceparent = stamp?.traceparent
    await withCarrier(traceparent === undefined ? {} : { traceparent }, () =>
      getDefaultRealtime().publish(topic, event, rest, { private: true }),
    )
  }
  await feeds.start((message) => {
    queue = queue
      .then(() => forward(message))
      .catch((error: unknown) => void captureException(toError(error), { tags: { operation: 'feeds' } }))
  })
}
