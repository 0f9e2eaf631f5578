import { acceptEmbedded, defaultInstance, processEnv, type Env } from '@msc/core'
import { createRealtime, type Change, type Realtime, type RealtimeOptions } from './create-realtime.ts'
import type { PresenceState } from './driver.ts'
import { embedded } from './drivers/embedded.ts'
import { supabase, supabaseFromEnv } from './drivers/supabase.ts'
import { SseSocket } from './sse/index.ts'
import { shareTabs } from './tabs/index.ts'

/**
 * Supabase when its variables are set, else the embedded server of this process.
 *
 * @throws ConfigError when half set, or embedded in production without `MSC_ALLOW_EMBEDDED`.
 */
export function createRealtimeFromEnv(
  env: Env = processEnv(),
  options: Omit<RealtimeOptions, 'driver'> = {},
): Realtime {
  const vendor = supabaseFromEnv(env)
  if (vendor) return createRealtime({ ...options, driver: vendor })
  acceptEmbedded(env, {
    scope: 'realtime',
    driver: 'embedded',
    risk: 'reaches the clients of one process only',
    variables: ['NEXT_PUBLIC_SUPABASE_URL', 'NEXT_PUBLIC_SUPABASE_ANON_KEY'],
  })
  return createRealtime({ ...options, driver: embedded() })
}

const instance = defaultInstance<Realtime>('@msc/realtime', () => createRealtimeFromEnv())

/** The instance that the functions below act on. */
export const getDefaultRealtime: () => Realtime = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultRealtime: (realtime: Realtime | undefined) => void = instance.set

export interface BrowserRealtimeConfig extends Omit<RealtimeOptions, 'driver'> {
  /** Supabase's project; without one the embedded server at `url`. */
  readonly supabase?: { readonly url: string; readonly anonKey: string; readonly feeds?: boolean }
  /** Default: `/realtime/v1` of the page's own origin. */
  readonly url?: string
  /** One connection for all tabs of the browser, where it can. Default true. */
  readonly shareTabs?: boolean
}

/** Makes the default instance in a browser, from what the server said at run time. Calling it again changes nothing. */
export function configureRealtime(config: BrowserRealtimeConfig): Realtime {
  const existing = instance.peek()
  if (existing) return existing
  const { supabase: project, url, shareTabs: share = true, ...options } = config
  const driver = project
    ? supabase(project)
    : embedded({ url: url ?? `${location.origin}/realtime/v1`, fallback: SseSocket })
  const realtime = createRealtime({ ...options, driver: share ? shareTabs(driver) : driver })
  setDefaultRealtime(realtime)
  return realtime
}

export type Unsubscribe = () => void

/** New notifications of a user: the rows that are inserted. */
export function subscribeToNotifications<Row = Record<string, unknown>>(
  userId: string,
  onNotification: (row: Row) => void,
  onGap?: () => void,
): Unsubscribe {
  return getDefaultRealtime().feed<Row>(
    'notifications',
    userId,
    ({ type, data }) => type === 'INSERT' && onNotification(data),
    onGap,
  )
}
/** Changes of a user's releases. */
export function subscribeToReleases<Row = Record<string, unknown>>(
  userId: string,
  onChange: (change: Change<Row>) => void,
  onGap?: () => void,
): Unsubscribe {
  return getDefaultRealtime().feed<Row>('releases', userId, onChange, onGap)
}
/** Changes of a user's earnings. */
export function subscribeToEarnings<Row = Record<string, unknown>>(
  userId: string,
  onChange: (change: Change<Row>) => void,
  onGap?: () => void,
): Unsubscribe {
  return getDefaultRealtime().feed<Row>('earnings', userId, onChange, onGap)
}
/** Changes of a user's messages. */
export function subscribeToMessages<Row = Record<string, unknown>>(
  userId: string,
  onChange: (change: Change<Row>) => void,
  onGap?: () => void,
): Unsubscribe {
  return getDefaultRealtime().feed<Row>('messages', userId, onChange, onGap)
}
/** Joins `channel` as `userId` and hears who is there, each time that changes. */
export function subscribeToPresence(
  channel: string,
  userId: string,
  info: Readonly<Record<string, unknown>>,
  onPresence: (state: PresenceState) => void,
): Unsubscribe {
  const joined = getDefaultRealtime().channel(channel, { presenceKey: userId })
  joined.onPresence(onPresence)
  // Tracked again after each interruption by itself.
  joined.track(info).catch(() => undefined)
  return () => joined.leave()
}
/**
 * Publishes to a public channel. On a server without a subscription; in a browser through one, which is joined for it.
 *
 * @throws DriverError, DeadlineError or UnavailableError when nobody took it.
 */
export async function broadcastMessage(
  channel: string,
  event: string,
  payload: Readonly<Record<string, unknown>>,
): Promise<void> {
  const realtime = getDefaultRealtime()
  if (typeof document === 'undefined') return realtime.publish(channel, event, payload)
  const joined = realtime.channel(channel)
  try {
    await joined.broadcast(event, payload)
  } finally {
    joined.leave()
  }
}
