import { DriverError } from '@msc/core'
import { httpFailure } from '@msc/core/http'

const SENDING = {
  driver: 'inngest',
  credentials: 'Check INNGEST_EVENT_KEY: Inngest does not know it.',
  address: 'Check INNGEST_BASE_URL.',
}

/**
 * What the SDK's error means: it has the answer's status in its words, and where there was no answer it has none.
 *
 * Source: https://github.com/inngest/inngest-js, `getResponseError`: `Inngest API Error: 413 …`.
 */
export function sendFailure(message: string): DriverError {
  const status = Number(/^Inngest API Error: (\d{3})\b/.exec(message)?.[1] ?? Number.NaN)
  // It answers 401 or 406 to a key that it does not know; in development the SDK says so without asking.
  const judged = /event key|unauthorized/i.test(message) ? 401 : status
  const refusal = judged >= 300 && httpFailure({ status: judged, headers: new Headers() }, SENDING)
  return (
    refusal ||
    new DriverError('inngest', 'The event could not be delivered.', { code: 'DRIVER_FAILED', retryable: true })
  )
}
