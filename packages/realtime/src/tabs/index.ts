import { DriverError, closedError, orAborted, randomHex, systemClock, type Clock } from '@msc/core'
import { assertTime } from '../drivers/assert-time.ts'
import type { RealtimeDriver } from '../driver.ts'
import { joinGroup, type Channel, type Group, type Locks } from './group.ts'

export interface ShareTabsOptions {
  /** Begins the names of the locks and channels. Tabs share a connection by name, backend and user. Default `msc-realtime`. */
  readonly name?: string | undefined
  /** Milliseconds for a sign of life of the tab that has the connection. Default 2000. */
  readonly patienceMs?: number | undefined
  /** Default: the browser's. */
  readonly locks?: Locks | undefined
  readonly BroadcastChannel?: (new (name: string) => Channel) | undefined
  readonly page?: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> | undefined
  readonly clock?: Clock | undefined
}

/**
 * One connection for all tabs of a browser: the tab that holds a Web Lock has it, the others speak to it over a
 * BroadcastChannel, and when it closes the next takes over. Tabs of different users, sessions, keys or backends do not
 * share. In presence the tabs are one entry, with the state that was tracked last.
 *
 * Where the browser has no locks or no channels, or on a server, it is the driver itself. Both are tried out first: where
 * they are refused to this page (a frame of an origin of its own, blocked storage), or do not answer within two seconds, the
 * tab has its own connection. What is sent goes between tabs as the JSON that the server gets.
 *
 * @throws ConfigError `OPTION_INVALID` for a `patienceMs` that is no number.
 */
export function shareTabs(driver: RealtimeDriver, options: ShareTabsOptions = {}): RealtimeDriver {
  const { name = 'msc-realtime', patienceMs = 2000, clock = systemClock } = options
  assertTime('patienceMs', patienceMs)
  const browser = globalThis as {
    navigator?: { locks?: Locks }
    BroadcastChannel?: new (name: string) => Channel
    document?: unknown
  } & Partial<NonNullable<ShareTabsOptions['page']>>
  const locks = options.locks ?? (browser.document === undefined ? undefined : browser.navigator?.locks)
  const Channels = options.BroadcastChannel ?? browser.BroadcastChannel
  if (!locks || !Channels) return driver

  // By user and session, so that nobody joins with another's token, and by backend, or one would hear the other's messages.
  const backend = driver.backend ?? driver.endpoint ?? ''
  const groups = new Map<string, Group>()
  let alone = false
  let tried: Promise<void> | undefined
  /** A page that can not load the code is not kept from its connection either. */
  const tryOut = async (): Promise<void> => {
    try {
      const { canShare } = await import('./try-out.ts')
      if (await canShare(`${name}:try:${randomHex(8)}`, locks, (channel) => new Channels(channel), clock)) return
    } catch {}
    alone = true
  }
  const groupOf = (user: string): Group => {
    const found = groups.get(user)
    if (found) return found
    try {
      const group = joinGroup({
        driver,
        name: [name, backend, user].join(':'),
        locks,
        openChannel: (channel) => new Channels(channel),
        patienceMs,
        clock,
        onIdle() {
          groups.delete(user)
          group.close(new DriverError(driver.name, 'Nothing is subscribed to.', { retryable: true }))
        },
        onRefused: refuse,
      })
      groups.set(user, group)
      // Refused while it was made, before it could be closed with the others.
      if (alone) refuse()
      return group
    } catch (error) {
      // A page without access to storage may not open a channel either: the constructor throws.
      refuse()
      throw error
    }
  }

  const closeAll = (reason: Error): void => {
    for (const group of groups.values()) group.close(reason)
    groups.clear()
  }
  const refuse = (): void => {
    alone = true
    closeAll(new DriverError(driver.name, 'The browser lets this page share nothing.', { retryable: true }))
  }
  // A page that holds a lock is not kept for the way back, so it lets go when it is left, and returns when it is seen again.
  let shown = Promise.resolve()
  let onShow = (): void => {}
  const onHide = (): void => {
    shown = new Promise((resolve) => (onShow = resolve))
    closeAll(new DriverError(driver.name, 'The page was left.', { retryable: true }))
  }
  const show = (): void => onShow()
  const page = options.page ?? (browser.document === undefined ? undefined : (browser as ShareTabsOptions['page']))
  page?.addEventListener('pagehide', onHide)
  page?.addEventListener('pageshow', show)

  const publish = driver.publish?.bind(driver)
  return {
    specificationVersion: driver.specificationVersion,
    name: driver.name,
    backend,
    ...(driver.endpoint !== undefined && { endpoint: driver.endpoint }),
    ...(driver.variables && { variables: driver.variables }),
    ...(publish && { publish }),
    health: (signal) => driver.health(signal),
    async subscribe(topic, subscribeOptions, handlers, signal) {
      await orAborted(Promise.all([shown, (tried ??= tryOut())]), signal)
      try {
        // Whose a token is the engine says; a driver that is called without one shares nothing.
        const { token, user = token === undefined ? '' : undefined } = subscribeOptions
        if (!alone && user !== undefined)
          return await groupOf(user).subscribe(topic, subscribeOptions, handlers, signal)
      } catch (error) {
        if (!alone) throw error
      }
      return driver.subscribe(topic, subscribeOptions, handlers, signal)
    },
    async close() {
      page?.removeEventListener('pagehide', onHide)
      page?.removeEventListener('pageshow', show)
      closeAll(closedError(driver.name))
      onShow()
      await driver.close()
    },
  }
}
