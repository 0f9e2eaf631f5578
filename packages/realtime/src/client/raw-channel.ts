import type { BroadcastResult, Channel } from '../create-realtime.ts'
import type { SendOptions } from './sending.ts'
import type { MessageHandler } from '../base/message.ts'

/** A channel before anything is known of its events. */
export interface RawChannel extends Omit<Channel, 'on' | 'broadcast'> {
  on(event: string, handler: MessageHandler<never>): () => void
  broadcast(event: string, payload: unknown, how?: SendOptions): Promise<BroadcastResult>
}
