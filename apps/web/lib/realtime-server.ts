import { processSlot } from '@msc/core'
import type { RealtimeServer } from '@msc/realtime/server'

/** The embedded realtime server of this process; empty where a vendor's is used. Routes are bundled apart from what boots it. */
export function realtimeSlot(): { server?: RealtimeServer | undefined } {
  return processSlot('web/realtime-server', () => ({}))
}
