'use client'

export { RealtimeProvider, useConnection, useRealtime } from './context.tsx'
export { useChannel, type ChannelHandle, type UseChannelOptions } from './use-channel.ts'
export { useFeed } from './use-feed.ts'
export {
  useNotifications,
  type NotificationRow,
  type Notifications,
  type NotificationsPermission,
  type ShownNotification,
  type UseNotificationsOptions,
} from './use-notifications.ts'
export { usePresence } from './use-presence.ts'
