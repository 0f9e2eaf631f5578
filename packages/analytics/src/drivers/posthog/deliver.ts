import { closedError } from '@msc/core'
import { plainJson, writeEach } from '@msc/core/delivery'
import type { AnalyticsDriver } from '../../driver.ts'
import { VARIABLES } from './address.ts'
import { CAPABILITIES } from './capabilities.ts'
import { assertKey, assertQuota, isReceipt, request, type PostHogTransport } from './request.ts'
import { toPostHogEvent } from './wire-event.ts'

/**
 * PostHog's capture endpoint, spoken directly: one request is one verdict, so that the engine's halving finds the event
 * that is refused, and nothing is retried or kept behind its back.
 */
export function posthogSink(transport: PostHogTransport, leavingMaxBytes?: () => number): AnalyticsDriver {
  const { driver: name, address, now } = transport
  let closed = false
  const open = (): void => {
    if (closed) throw closedError(name)
  }
  // The clock of the machine may be wrong: PostHog corrects the events' times by this one.
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
      // Without an event PostHog answers 400, once it has read all the rest.
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
