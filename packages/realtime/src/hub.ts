import type { OutgoingMessage } from './driver.ts'

/** The embedded server of this process, as code beside it reaches it. */
export interface RealtimeHub {
  publish(message: OutgoingMessage): void
}

const KEY = Symbol.for('@msc/realtime/hub')

// On globalThis: the server may be started outside the bundle whose routes publish.
export function getHub(): RealtimeHub | undefined {
  return (globalThis as { [KEY]?: RealtimeHub })[KEY]
}

export function setHub(hub: RealtimeHub | undefined): void {
  ;(globalThis as { [KEY]?: RealtimeHub | undefined })[KEY] = hub
}
