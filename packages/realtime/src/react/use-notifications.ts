'use client'

import { sleep } from '@msc/core'
import { useCallback, useEffect, useMemo, useReducer, useState, useSyncExternalStore } from 'react'
import { useRealtime } from './context.tsx'
import { useLatest } from './use-latest.ts'

export interface NotificationRow {
  readonly id: string
}

/** What the browser shows of a notification outside the page. */
export interface ShownNotification {
  readonly title: string
  readonly body?: string
  readonly icon?: string
  /** Opened when it is clicked. */
  readonly url?: string
}

export interface UseNotificationsOptions<Row extends NotificationRow> {
  /** Nothing happens without one. */
  readonly userId: string | undefined
  /** The notifications there are, newest first. Asked when the feed is live, and after each gap. */
  readonly load: (signal: AbortSignal) => Promise<readonly Row[]>
  readonly isRead: (row: Row) => boolean
  /** Called for each that is new while the page is open. */
  readonly onNew?: (row: Row) => void
  /** How the browser shows one while nobody looks at the page. Default: it does not. */
  readonly show?: (row: Row) => ShownNotification
  /** Played for a new one, by one tab: the address of a sound, or a function that makes it. Default: none. */
  readonly sound?: string | (() => void)
  /** Default `notifications`. */
  readonly table?: string
  /** How many are kept. Default 100. */
  readonly limit?: number
  /** To begin with, as the server rendered it. */
  readonly initial?: readonly Row[]
}

/** `unsupported` where the browser has no notifications, and on a server. */
export type NotificationsPermission = 'default' | 'granted' | 'denied' | 'unsupported'

export interface Notifications<Row> {
  /** Newest first. */
  readonly items: readonly Row[]
  readonly unread: number
  /** False until they have been loaded, or given to begin with. */
  readonly loaded: boolean
  readonly permission: NotificationsPermission
  /** Asks the user whether the browser may show them. Call it from a click: browsers refuse anything else. */
  readonly askPermission: () => Promise<NotificationsPermission>
}

/** A user's notifications, as they are now: loaded, kept up to date, counted; each once, however often it is told. */
export function useNotifications<Row extends NotificationRow>(
  options: UseNotificationsOptions<Row>,
): Notifications<Row> {
  const { userId, table = 'notifications', limit = 100, initial } = options
  const client = useRealtime()
  const latest = useLatest(options)
  const [items, dispatch] = useReducer(reduce<Row>, initial ?? [])
  const [loaded, setLoaded] = useState(initial !== undefined)
  const [granted, setGranted] = useState<NotificationsPermission>()
  const found = useSyncExternalStore(never, permissionNow, () => 'unsupported' as const)

  useEffect(() => {
    if (userId === undefined) return
    // A message that comes again, after a takeover for instance, must not ring again.
    const announced = new Set<string>()
    const stop = client().feed<Row>(table, userId, {
      onChange({ type, data }) {
        dispatch({ type, row: data, limit })
        if (type !== 'INSERT' || announced.has(data.id)) return
        announced.add(data.id)
        const { onNew, show, sound } = latest.current
        onNew?.(data)
        void announce(data.id, show?.(data), sound)
      },
      snapshot: (signal) => latest.current.load(signal),
      onSnapshot(rows) {
        for (const { id } of rows) announced.add(id)
        dispatch({ type: 'all', rows, limit })
        setLoaded(true)
      },
    })
    return stop
  }, [client, table, userId, limit, latest])

  const askPermission = useCallback(async () => {
    if (permissionNow() === 'unsupported') return 'unsupported'
    const answer = await Notification.requestPermission()
    setGranted(answer)
    return answer
  }, [])
  const { isRead } = options
  const unread = useMemo(() => items.filter((row) => !isRead(row)).length, [items, isRead])
  return { items, unread, loaded, permission: granted ?? found, askPermission }
}

type Action<Row> =
  | { readonly type: 'all'; readonly rows: readonly Row[]; readonly limit: number }
  | { readonly type: 'INSERT' | 'UPDATE' | 'DELETE'; readonly row: Row; readonly limit: number }

function reduce<Row extends NotificationRow>(items: readonly Row[], action: Action<Row>): readonly Row[] {
  if (action.type === 'all') return action.rows.slice(0, action.limit)
  const { type, row } = action
  const known = items.some(({ id }) => id === row.id)
  if (type === 'DELETE') return known ? items.filter(({ id }) => id !== row.id) : items
  if (known) return items.map((item) => (item.id === row.id ? row : item))
  // An UPDATE of one that is not kept is of an old one.
  return type === 'INSERT' ? [row, ...items].slice(0, action.limit) : items
}

/** By one tab only, and outside the page only while nobody looks at it. */
async function announce(
  id: string,
  shown: ShownNotification | undefined,
  sound: UseNotificationsOptions<NotificationRow>['sound'],
): Promise<void> {
  try {
    await alone(`msc-notification:${id}`, async () => {
      if (shown && permissionNow() === 'granted' && document.visibilityState === 'hidden') {
        const { title, url, ...rest } = shown
        // With a tag the browser shows it once, whoever else says it.
        const notification = new Notification(title, { ...rest, tag: id })
        notification.addEventListener('click', () => {
          window.focus()
          if (url !== undefined) window.location.assign(url)
          notification.close()
        })
      }
      if (typeof sound === 'string') await new Audio(sound).play()
      else sound?.()
      // The others hear of it a moment later.
      await sleep(2000)
    })
  } catch {
    // Browsers refuse sounds before the first click; what is on the page says it too.
  }
}

async function alone(name: string, run: () => Promise<void>): Promise<void> {
  const { locks } = navigator as { locks?: LockManager }
  if (!locks) return run()
  await locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock) await run()
  })
}

const never = (): (() => void) => () => undefined

function permissionNow(): NotificationsPermission {
  return typeof Notification === 'undefined' ? 'unsupported' : Notification.permission
}
