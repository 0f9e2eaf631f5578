import { acceptEmbedded, defaultInstance, processEnv, type Env } from '@msc/core'
import { createRealtime, type Change, type Realtime, type RealtimeOptions } from './create-realtime.ts'
import type { Sendable } from './base/message.ts'
import type { PresenceState } from './driver.ts'
import { embedded } from './drivers/embedded.ts'
import { supabase, supabaseFromEnv } from './drivers/supabase.ts'
import { shareTabs } from './tabs/index.ts'

// The drivers are imported at once, other than in the packages of servers: what is loaded late may use nothing of
// @msc/core that a page loads first, or bundlers that split by file move it there, and `createRealtime` alone grows by a third.

/** What {@link createRealtimeFromEnv} takes: all of {@link RealtimeOptions} but the driver, which the environment names. */
export type RealtimeFromEnvOptions = Omit<RealtimeOptions, 'driver'>

/**
 * Supabase when its variables are set, else the embedded server of this process.
 *
 * @throws ConfigError when half set, or embedded in production without `MSC_ALLOW_EMBEDDED`.
 */
export function createRealtimeFromEnv(options: RealtimeFromEnvOptions = {}, env: Env = processEnv()): Realtime {
  const vendor = supabaseFromEnv(env)
  if (vendor) return createRealtime({ ...options, driver: vendor })
  acceptEmbedded(env, {
    scope: 'realtime',
    driver: 'embedded',
    risk: 'reaches the clients of one process only',
    variables: ['NEXT_PUBLIC_SUPABASE_URL and NEXT_PUBLIC_SUPABASE_ANON_KEY'],
  })
  return createRealtime({ ...options, driver: embedded() })
}

const instance = defaultInstance<Realtime>('@msc/realtime', () => createRealtimeFromEnv())

/**
 * The instance that the functions below act on; made from the environment on first use.
 *
 * @throws ConfigError as {@link createRealtimeFromEnv}.
 */
export const getDefaultRealtime: () => Realtime = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultRealtime: (realtime: Realtime | undefined) => void = instance.set

/**
 * Makes the default instance from options and the environment, puts it in the place of the one before, and returns it. One
 * that this function, {@link initRealtime} or the first call had made is closed in the background; one that was given to
 * {@link setDefaultRealtime} stays its giver's to close. In a browser, which has no environment, use {@link initRealtime}.
 *
 * @throws ConfigError as {@link createRealtimeFromEnv}; the one before stays then.
 */
export function configureRealtime(options?: RealtimeFromEnvOptions, env?: Env): Realtime {
  return instance.replace(createRealtimeFromEnv(options, env))
}

export interface BrowserRealtimeConfig extends RealtimeFromEnvOptions {
  /** Supabase's project; without one the embedded server at `url`. */
  readonly supabase?:
    | { readonly url: string; readonly anonKey: string; readonly feeds?: boolean | undefined }
    | undefined
  /** Of the embedded server: an address, or a path of the page's own origin. Default: `/realtime/v1`. */
  readonly url?: string | undefined
  /**
   * The application's key for the embedded server, with which pages join public channels while nobody is signed in: a token of your
   * server's secret with the role `anon`. Everybody can read it.
   */
  readonly apiKey?: string | undefined
  /** One connection for all tabs of the browser, where it can. Default true. */
  readonly shareTabs?: boolean | undefined
}

/**
 * Chooses the backend of a page, from what the server said at run time, and makes the default instance. Calling it again
 * does nothing, and neither does calling it on a server, whose memory all visitors share.
 *
 * @throws ConfigError `SUPABASE_OPTION_MISSING`, `ADDRESS_INVALID` or `REALTIME_URL_INVALID` for a backend that is none.
 */
export function initRealtime(config: BrowserRealtimeConfig): void {
  if (typeof document === 'undefined' || instance.peek()) return
  const { supabase: project, url = '/realtime/v1', apiKey, shareTabs: share = true, ...options } = config
  const driver = project ? supabase(project) : embedded({ url, apiKey, fallback: true })
  instance.replace(createRealtime({ ...options, driver: share ? shareTabs(driver) : driver }))
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
type ChangesOf<Row> = [userId: string, onChange: (change: Change<Row>) => void, onGap?: () => void]

/** Changes of a user's releases. */
export function subscribeToReleases<Row = Record<string, unknown>>(...given: ChangesOf<Row>): Unsubscribe {
  return getDefaultRealtime().feed<Row>('releases', ...given)
}
/** Changes of a user's earnings. */
export function subscribeToEarnings<Row = Record<string, unknown>>(...given: ChangesOf<Row>): Unsubscribe {
  return getDefaultRealtime().feed<Row>('earnings', ...given)
}
/** Changes of a user's messages. */
export function subscribeToMessages<Row = Record<string, unknown>>(...given: ChangesOf<Row>): Unsubscribe {
  return getDefaultRealtime().feed<Row>('messages', ...given)
}
/** Joins `channel` as `userId` and hears who is there, each time that changes. */
export function subscribeToPresence(
  channel: string,
  userId: string,
  info: object,
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
export async function broadcastMessage(channel: string, event: string, payload: Sendable): Promise<void> {
  const realtime = getDefaultRealtime()
  if (typeof document === 'undefined') return realtime.publish(channel, event, payload)
  const joined = realtime.channel(channel)
  try {
    await joined.broadcast(event, payload)
  } finally {
    joined.leave()
  }
}
