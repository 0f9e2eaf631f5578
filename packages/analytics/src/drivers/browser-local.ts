import type { Clock } from '@msc/core'
import { PAGE_POST_LIMITS, createPagePost, keepaliveRoom } from '@msc/core/delivery'
import type { AnalyticsDriver } from '../driver.ts'
import { toRecord } from '../recording/to-record.ts'
import { ALL_KINDS } from './kinds.ts'

export interface BrowserLocalOptions {
  /** Same-origin URL of the ingest route of devtools. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch
  readonly clock?: Clock
}

/** Posts messages to the application's own server, which writes them to its journal. */
export function browserLocal(options: BrowserLocalOptions): AnalyticsDriver {
  const { post, check, close } = createPagePost(options)
  return {
    specificationVersion: 1,
    name: 'local',
    endpoint: options.ingestUrl,
    capabilities: { kinds: ALL_KINDS, limits: PAGE_POST_LIMITS },
    send: (envelopes, { signal }) => post(envelopes, toRecord, signal),
    health: check,
    async close() {
      close()
    },
    leavingMaxBytes: keepaliveRoom,
  }
}
