import './operations.ts'
export type { MessageAction, MessageHandler, MessageMeta, Payload, Sendable } from './base/message.ts'
export type { HistoryMessage, HistoryPage, HistoryWish, KeptMeta, Rewind } from './history/types.ts'
export { feedTopic } from './feed/feed-topic.ts'
export {
  createRealtime,
  type Change,
  type ChangeType,
  type AnyEvents,
  type Channel,
  type ChannelOptions,
  type ConnectionStatus,
  type FeedHandlers,
  type BroadcastResult,
  type SentMessage,
  type Realtime,
  type RealtimeOptions,
} from './create-realtime.ts'
export {
  broadcastMessage,
  configureRealtime,
  createRealtimeFromEnv,
  getDefaultRealtime,
  initRealtime,
  setDefaultRealtime,
  subscribeToEarnings,
  subscribeToMessages,
  subscribeToNotifications,
  subscribeToPresence,
  subscribeToReleases,
  type BrowserRealtimeConfig,
  type RealtimeFromEnvOptions,
  type Unsubscribe,
} from './default-realtime.ts'
export type { SendOptions } from './client/sending.ts'
export type { OutboxStore } from './outbox/kept.ts'
export type { EventSchemas } from './client/typed.ts'
export type { FeedPage } from './feed/page.ts'
export type {
  OutgoingMessage,
  PresenceState,
  RealtimeDriver,
  SubscribeOptions,
  Subscription,
  SubscriptionHandlers,
  SubscriptionLimits,
} from './driver.ts'
