import type { Clock } from '@msc/core'
import { PAGE_POST_LIMITS, createPagePost, keepaliveRoom } from '@msc/core/delivery'
import type { MonitoringDriver } from '../driver.ts'
import { toRecord } from '../record.ts'

export interface BrowserLocalOptions {
  /** The same-origin URL of the ingest that devtools mounts. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch
  readonly clock?: Clock
}

/** Makes a driver that posts signals to the application's own server, which writes them to its journal. */
export function browserLocal(options: BrowserLocalOptions): MonitoringDriver {
  const { post, check, close } = createPagePost(options)
  return {
    specificationVersion: 1,
    name: 'local',
    endpoint: options.ingestUrl,
    capabilities: { kinds: ['error', 'message'], limits: PAGE_POST_LIMITS },
    send: (signals, { signal }) => post(signals, toRecord, signal),
    health: check,
    async close() {
      close()
    },
    leavingMaxBytes: keepaliveRoom,
  }
}
