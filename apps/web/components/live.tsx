'use client'

import { trackEvent } from '@msc/analytics/browser'
import { getDefaultRealtime, initRealtime, subscribeToReleases } from '@msc/realtime'
import { useNotifications } from '@msc/realtime/react'
import { useRouter } from 'next/navigation'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { createPortal } from 'react-dom'
import { api } from '@/lib/api-client'
import type { NotificationRow } from '@/lib/notifications'
import type { PublicConfig } from '@/lib/public-config'
import { createReloading } from './reloading.ts'

/** Keeps the page up to date with changes made elsewhere, and announces notifications. */
export function Live({
  config,
  userId,
  initialUnread,
}: {
  config: PublicConfig
  userId: string
  initialUnread: number
}) {
  const router = useRouter()
  // The server has the current data: it renders the page again.
  const reloading = useMemo(
    () => createReloading(() => router.refresh(), { isHidden: () => document.hidden }),
    [router],
  )
  const [live, setLive] = useState(false)
  // False on the server and during hydration, when there is no body to put the announcement into.
  const mounted = useSyncExternalStore(
    never,
    () => true,
    () => false,
  )
  const [toast, setToast] = useState<NotificationRow>()
  // Compared by value: each render on the server makes a new object, which must not restart the subscriptions.
  const { url, anonKey } = config.supabase ?? {}

  useEffect(() => {
    initRealtime({
      // The app's rows are in its own database, so the Supabase project keeps no history of them.
      ...(url && anonKey && { supabase: { url, anonKey, feeds: false } }),
      getToken,
    })
    const stopStatus = getDefaultRealtime().onStatus((status) => setLive(status === 'connected'))
    const stop = subscribeToReleases(userId, reloading.request, reloading.request)
    return () => {
      stopStatus()
      stop()
    }
  }, [url, anonKey, userId, reloading])

  useEffect(() => {
    document.addEventListener('visibilitychange', reloading.look)
    return () => {
      document.removeEventListener('visibilitychange', reloading.look)
      reloading.stop()
    }
  }, [reloading])

  // Must follow the effect above, which makes the client that this hook uses.
  const notifications = useNotifications<NotificationRow>({
    userId,
    load: loadNotifications,
    isRead,
    onNew(row) {
      setToast(row)
      reloading.request()
      // Recorded in the trace of the change that caused the notification, which is the current one here.
      trackEvent('notification_shown', { notification_id: row.id })
    },
    show: ({ title, body, link }) => ({ title, body, icon: '/icon.svg', ...(link && { url: link }) }),
  })
  const unread = notifications.loaded ? notifications.unread : initialUnread

  useEffect(() => {
    if (!toast) return
    const timer = setTimeout(() => setToast(undefined), 8000)
    return () => clearTimeout(timer)
  }, [toast])

  const open = async (): Promise<void> => {
    router.push('/')
    if (unread > 0) await api('/api/notifications/read', {})
    router.refresh()
  }

  return (
    <>
      <button
        type="button"
        onClick={() => void open()}
        className="relative rounded-md p-2 hover:bg-stone-100 dark:hover:bg-stone-800"
        aria-label={unread === 0 ? 'Notifications' : `Notifications, ${unread} unread`}
        data-live={live}
      >
        <Bell />
        {unread > 0 && (
          <span
            data-testid="unread"
            className="absolute -top-0.5 -right-0.5 min-w-5 rounded-full bg-accent-700 px-1 text-center text-xs leading-5 font-medium text-white tabular-nums"
          >
            {unread > 99 ? '99+' : unread}
          </span>
        )}
      </button>
      {/* Outside the header, whose blur would make the header the containing block of `fixed` elements. */}
      {mounted &&
        createPortal(
          <Announcement
            toast={toast}
            onAsk={notifications.permission === 'default' ? notifications.askPermission : undefined}
          />,
          document.body,
        )}
    </>
  )
}

const never = () => () => undefined

const isRead = (row: NotificationRow): boolean => row.read_at !== null

async function loadNotifications(signal: AbortSignal): Promise<readonly NotificationRow[]> {
  const response = await fetch('/api/notifications', { signal })
  if (!response.ok) throw new Error(`The server answered ${response.status}.`)
  return ((await response.json()) as { notifications: NotificationRow[] }).notifications
}

function Announcement({
  toast,
  onAsk,
}: {
  toast: NotificationRow | undefined
  /** Absent when the person has already decided. */
  onAsk: (() => Promise<unknown>) | undefined
}) {
  return (
    <div aria-live="polite" className="fixed right-4 bottom-4 left-4 z-10 ml-auto w-fit max-w-sm">
      {toast && (
        <div className="card p-4 text-sm shadow-lg" data-testid="toast">
          {toast.link ? (
            <a href={toast.link} className="font-medium hover:underline">
              <bdi>{toast.title}</bdi>
            </a>
          ) : (
            <span className="font-medium">
              <bdi>{toast.title}</bdi>
            </span>
          )}
          <p className="quiet mt-0.5">
            <bdi>{toast.body}</bdi>
          </p>
          {onAsk && (
            <button
              type="button"
              onClick={() => void onAsk()}
              className="mt-3 text-accent-700 hover:underline dark:text-accent-400"
            >
              Also tell me when I am not looking at this page
            </button>
          )}
        </div>
      )}
    </div>
  )
}

/** Returns `undefined` after a sign-out: then nobody is here. A server that can't be reached says nothing of that. */
async function getToken(signal: AbortSignal): Promise<string | undefined> {
  const result = await api<{ token: string }>('/api/realtime/token', undefined, { signal, background: true })
  if (result.ok) return result.data.token
  if (result.problem.status === 401) return undefined
  throw new Error(result.problem.title)
}

function Bell() {
  return (
    <svg
      viewBox="0 0 24 24"
      className="size-5"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M6 9a6 6 0 0 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7M10 20a2 2 0 0 0 4 0" />
    </svg>
  )
}
