'use client'

export { RealtimeProvider, useConnection, useRealtime } from './context.tsx'
export { useChannel, type ChannelHandle, type ChannelHandlers, type UseChannelOptions } from './use-channel.ts'
export { useFeed } from './use-feed.ts'
export {
  useNotifications,
  type NotificationRow,
  type Notifications,
  type NotificationsPermission,
  type ShownNotification,
  type UseNotificationsOptions,
} from './use-notifications.ts'
export { usePresence, type UsePresenceOptions } from './use-presence.ts'
