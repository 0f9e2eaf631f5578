import type { BroadcastResult, Channel } from '../create-realtime.ts'
import type { SendOptions } from './sending.ts'
import type { MessageAction, MessageHandler } from '../base/message.ts'

/** A channel before anything is known of its events. */
export interface RawChannel extends Omit<Channel, 'on' | 'broadcast' | 'onAction' | 'update'> {
  onAction(handler: (action: MessageAction<never>) => void): () => void
  update(id: string, payload: unknown): Promise<void>
  on(event: string, handler: MessageHandler<never>): () => void
  broadcast(event: string, payload: unknown, how?: SendOptions): Promise<BroadcastResult>
}
