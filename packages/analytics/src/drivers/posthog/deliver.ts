import { closedError } from '@msc/core'
import { plainJson, writeEach } from '@msc/core/delivery'
import type { AnalyticsDriver } from '../../driver.ts'
import { VARIABLES } from './address.ts'
import { CAPABILITIES } from './capabilities.ts'
import { assertKey, assertQuota, isReceipt, request, type PostHogTransport } from './request.ts'
import { toPostHogEvent } from './wire-event.ts'

/**
 * Speaks PostHog's capture protocol directly, instead of through its SDK. Each request has one outcome, so that the
 * engine can find a refused event by halving the batch, and nothing is retried or kept without the engine knowing.
 */
export function posthogSink(transport: PostHogTransport, leavingMaxBytes?: () => number): AnalyticsDriver {
  const { driver: name, address, now } = transport
  let closed = false
  const open = (): void => {
    if (closed) throw closedError(name)
  }
  // The machine's clock may be wrong: PostHog corrects the events' times by this one.
  const bodyOf = (batch: readonly string[]): string =>
    `{"api_key":${JSON.stringify(address.key)},"batch":[${batch.join(',')}],"sent_at":"${new Date(now()).toISOString()}"}`
  return {
    specificationVersion: 1,
    name,
    endpoint: address.endpoint,
    variables: VARIABLES,
    capabilities: CAPABILITIES,
    async send(envelopes, { signal }) {
      open()
      const { written, rejected } = writeEach(envelopes, (envelope) => plainJson(toPostHogEvent(envelope)))
      if (written.length > 0) {
        const batch = written.map(({ as }) => as)
        assertQuota(name, await request(transport, '/batch/', bodyOf(batch), signal, isReceipt), 'events')
      }
      return { rejected }
    },
    async health(signal) {
      open()
      // PostHog answers 400 to a batch without events, once it has read and accepted the rest of the body.
      await Promise.all([
        request(transport, '/batch/', bodyOf([]), signal, isReceipt, 400),
        assertKey(transport, signal),
      ])
    },
    async close() {
      closed = true
    },
    ...(leavingMaxBytes && { leavingMaxBytes }),
  }
}
