import type { Channel } from '../create-realtime.ts'
import type { MessageHandler, Payload } from '../base/message.ts'

/** A channel before anything is known of its events. */
export interface RawChannel extends Omit<Channel, 'on' | 'broadcast'> {
  on(event: string, handler: MessageHandler): () => void
  broadcast(event: string, payload: Payload): Promise<void>
}
