'use client'

import { sleep } from '@msc/core'
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { ChangeType } from '../create-realtime.ts'
import { useRealtime } from './context.tsx'
import { useFrom } from './use-from.ts'
import { useKeyed } from './use-keyed.ts'
import { useLatest } from './use-latest.ts'

export interface NotificationRow {
  readonly id: string
}

/** What the browser shows of a notification outside the page. */
export interface ShownNotification {
  readonly title: string
  readonly body?: string | undefined
  readonly icon?: string | undefined
  /** Opened when it is clicked. */
  readonly url?: string | undefined
}

/** The address of a sound, or a function that makes it. */
type Sound = string | (() => void) | undefined

export interface UseNotificationsOptions<Row extends NotificationRow> {
  /** Nothing happens without one. */
  readonly userId: string | undefined
  /**
   * The notifications there are, newest first. Asked when the feed is live, and after each gap; again when it rejects, has no list
   * or takes too long, of which `error` tells.
   */
  readonly load: (signal: AbortSignal) => Promise<readonly Row[]>
  readonly isRead: (row: Row) => boolean
  /** Called for each that is new while the page is open. */
  readonly onNew?: ((row: Row) => void) | undefined
  /** How the browser shows one while nobody looks at the page. Default: it does not. */
  readonly show?: ((row: Row) => ShownNotification) | undefined
  /** Played for a new one, by one tab that may: the address of a sound, or a function that makes it. Default: none. */
  readonly sound?: Sound
  /** Default `notifications`. */
  readonly table?: string | undefined
  /** How many are kept. Default 100. */
  readonly limit?: number | undefined
  /** To begin with, as the server rendered it: for the user of the first render. */
  readonly initial?: readonly Row[] | undefined
  /**
   * Where `initial` comes from, as `feedPosition` said on the server before it was read. Then `load` is called only after a gap,
   * and what came since is new. Default: `initial` is shown until `load` has answered.
   */
  readonly from?: string | undefined
}

/**
 * `unsupported` where the browser has no notifications, and on a server; also where it shows those of a service worker alone, as
 * Chrome on Android does, and the page has none. With one, a click is the worker's to handle: `data.url` is where it leads.
 */
export type NotificationsPermission = 'default' | 'granted' | 'denied' | 'unsupported'

export interface Notifications<Row> {
  /** Newest first. */
  readonly items: readonly Row[]
  readonly unread: number
  /** False until they have been loaded, or given to begin with. */
  readonly loaded: boolean
  /** Why they could not be loaded the last time; they are tried again. `undefined` once they are there. */
  readonly error: Error | undefined
  readonly permission: NotificationsPermission
  /** Asks the user whether the browser may show them. Call it from a click: browsers refuse anything else. */
  readonly askPermission: () => Promise<NotificationsPermission>
}

/**
 * A user's notifications, as they are now: loaded, kept up to date, counted; each once, however often it is told. Of another
 * user nothing is shown: with a new `userId` it begins anew, in the same render.
 */
export function useNotifications<Row extends NotificationRow>(
  options: UseNotificationsOptions<Row>,
): Notifications<Row> {
  const { userId, table = 'notifications', limit = 100, initial } = options
  const client = useRealtime()
  const latest = useLatest(options)
  const key = JSON.stringify([table, userId])
  const [{ items: kept, loaded, error }, change] = useKeyed<List<Row>>(
    client,
    key,
    EMPTY,
    initial && { items: initial, loaded: true },
  )
  const [granted, setGranted] = useState<NotificationsPermission>()
  const [begin, end] = useFrom(client, key, initial && options.from)
  const found = useSyncExternalStore(never, permissionNow, () => 'unsupported' as const)

  useEffect(() => {
    let [from] = begin()
    if (userId === undefined) return
    // A message that comes again, after a takeover for instance, must not ring again.
    const announced = new Set<string>()
    for (const { id } of latest.current.initial ?? []) announced.add(id)
    const stop = client().feed<Row>(table, userId, {
      from,
      onChange({ type, data }) {
        from = undefined
        change((list) => ({ ...list, items: reduce(list.items, type, data, latest.current.limit) }))
        if (type !== 'INSERT' || announced.has(data.id)) return
        announced.add(data.id)
        const { onNew, show, sound } = latest.current
        onNew?.(data)
        const shown = show?.(data)
        if (!shown && !sound) return
        // The code may not come, and a function of the application's may throw; what is on the page says it too.
        import('./announce.ts')
          .then(({ announce }) => announce(data.id, shown, sound, sleep))
          .then((isShown) => isShown || setGranted('unsupported'))
          .catch(() => undefined)
      },
      snapshot: (signal) => latest.current.load(signal),
      onError: (reason) => change((list) => ({ ...list, error: reason })),
      onSnapshot(rows) {
        from = undefined
        for (const { id } of rows) announced.add(id)
        change(() => ({ items: rows, loaded: true }))
      },
    })
    return () => {
      // What was told would come again, and ring again: the next one loads what there is.
      end(from)
      stop()
    }
  }, [client, table, userId, latest, change, begin, end])

  const askPermission = useCallback(async () => {
    if (permissionNow() === 'unsupported') return 'unsupported'
    const needsWorker = permissionNow() !== 'granted' && !isConstructible()
    // At once: browsers refuse it once the click is over.
    let answer: NotificationsPermission = await Notification.requestPermission()
    if (needsWorker && !(await (await import('./announce.ts')).workerOf())) answer = 'unsupported'
    setGranted(answer)
    return answer
  }, [])
  const { isRead } = options
  const items = useMemo(() => kept.slice(0, limit), [kept, limit])
  const unread = useMemo(() => items.filter((row) => !isRead(row)).length, [items, isRead])
  return { items, unread, loaded, error, permission: granted ?? found, askPermission }
}

interface List<Row> {
  readonly items: readonly Row[]
  readonly loaded: boolean
  readonly error?: Error
}

const EMPTY: List<never> = { items: [], loaded: false }

function reduce<Row extends NotificationRow>(
  items: readonly Row[],
  type: ChangeType,
  row: Row,
  limit = 100,
): readonly Row[] {
  const known = items.some(({ id }) => id === row.id)
  if (type === 'DELETE') return known ? items.filter(({ id }) => id !== row.id) : items
  if (known) return items.map((item) => (item.id === row.id ? row : item))
  // An UPDATE of one that is not kept is of an old one.
  return type === 'INSERT' ? [row, ...items].slice(0, limit) : items
}

const never = (): (() => void) => () => undefined

/** May the page show one by itself? Asked only while it is not permitted, when nothing is shown. */
function isConstructible(): boolean {
  try {
    return !!new Notification('')
  } catch {
    return false
  }
}

function permissionNow(): NotificationsPermission {
  return typeof Notification === 'undefined' ? 'unsupported' : Notification.permission
}
