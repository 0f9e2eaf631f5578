import { processSlot } from '@msc/core'
import type { OutgoingMessage } from '../driver.ts'

/** The embedded server of this process, as code beside it reaches it. */
export interface RealtimeHub {
  publish(message: OutgoingMessage): void | Promise<void>
  stats?(): { readonly health: unknown }
}

const slot = (): { hub?: RealtimeHub | undefined } => processSlot('realtime/hub', () => ({}))

// On globalThis: the server may be started outside the bundle whose routes publish.
export function getHub(): RealtimeHub | undefined {
  return slot().hub
}

export function setHub(hub: RealtimeHub | undefined): void {
  slot().hub = hub
}
