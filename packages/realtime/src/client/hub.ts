import { processSlot } from '@msc/core'
import type { OutgoingMessage } from '../driver.ts'

/** An embedded server of this process, as code beside it reaches it. */
export interface RealtimeHub {
  publish(message: OutgoingMessage): void | Promise<void>
  stats?(): { readonly health: unknown }
}

/** The servers of this process that are not closed. On globalThis: one may be started outside the bundle whose routes publish. */
export const hubs = (): Set<RealtimeHub> => processSlot('realtime/hubs', () => new Set())
