import { DriverError, MscError, systemClock, toError, type Clock } from '@msc/core'
import { httpFailure } from '@msc/core/http'
import { DELIVERED, createPageFetch, keepaliveRoom, type SendContext } from '@msc/core/delivery'
import type { AnalyticsDriver } from '../driver.ts'
import type { Envelope } from '../messages.ts'
import { toRecord } from '../recording/to-record.ts'
import { ALL_KINDS } from './kinds.ts'

export interface BrowserLocalOptions {
  /** Same-origin address of the ingest that devtools mounts. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch
  readonly clock?: Clock
}

/** The ingest takes bodies of 256 KiB. */
const LIMITS = { maxItems: 100, maxBytes: 200_000, maxItemBytes: 200_000 }

/** Posts messages to the application's own server, which puts them into its journal. */
export function browserLocal(options: BrowserLocalOptions): AnalyticsDriver {
  const { ingestUrl, clock = systemClock } = options
  const request = createPageFetch({ fetch: options.fetch })
  let closed = false
  const post = async (envelopes: readonly Envelope[], { signal }: Pick<SendContext, 'signal'>): Promise<void> => {
    if (closed) throw new DriverError('local', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    try {
      const response = await request(ingestUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ records: envelopes.map(toRecord) }),
        signal,
      })
      const failure = httpFailure(response, {
        driver: 'local',
        credentials: 'Is the ingest of devtools open to this page?',
        address: `Mount the ingest of devtools at ${ingestUrl}.`,
        now: clock.now,
      })
      if (failure) throw failure
    } catch (error) {
      if (MscError.isInstance(error)) throw error
      throw new DriverError('local', 'The request failed.', { retryable: true, cause: toError(error) })
    }
  }
  return {
    specificationVersion: 1,
    name: 'local',
    endpoint: ingestUrl,
    capabilities: { kinds: ALL_KINDS, limits: LIMITS },
    async send(envelopes, context) {
      await post(envelopes, context)
      return DELIVERED
    },
    health: (signal) => post([], { signal }),
    async close() {
      closed = true
    },
    leavingMaxBytes: keepaliveRoom,
  }
}
