import type { BrowserAnalyticsDriver } from './browser-driver.ts'
import type { FlagValue } from './driver.ts'

export type { BrowserAnalyticsDriver } from './browser-driver.ts'
export type { FlagValue } from './driver.ts'

export interface BrowserAnalyticsConfig {
  /** PostHog's project key; without one events go to `ingestUrl`. */
  readonly key?: string
  readonly host?: string
  readonly ingestUrl?: string
  /** Flags as the server evaluated them: the first render agrees with the server, and nothing flickers. */
  readonly flags?: Readonly<Record<string, FlagValue>>
  /** A driver of your own. */
  readonly load?: () => Promise<BrowserAnalyticsDriver>
}

type Call = (driver: BrowserAnalyticsDriver) => void

interface State {
  driver?: BrowserAnalyticsDriver
  loading?: Promise<void>
  waiting: Call[]
  dropped: number
  flags: Readonly<Record<string, FlagValue>>
}

/** Calls that are kept until the driver is there. */
const LIMIT = 100
const KEY = Symbol.for('@msc/analytics/browser')

function state(): State {
  const globals = globalThis as { [KEY]?: State }
  return (globals[KEY] ??= { waiting: [], dropped: 0, flags: {} })
}

/**
 * Chooses the backend. The driver's code loads when the page is idle; until then calls are kept, with their time.
 * Calling it again does nothing. Harmless during server rendering.
 */
export function initPostHog(config: BrowserAnalyticsConfig): void {
  const current = state()
  if (config.flags) current.flags = config.flags
  if (typeof document === 'undefined' || current.loading) return
  current.loading = idle()
    .then(() => driverFor(config))
    .then((driver) => {
      current.driver = driver
      for (const call of current.waiting.splice(0)) attempt(driver, call)
    })
    .catch(() => {
      // The chunk could not be loaded; a later page tries again.
      delete current.loading
    })
}

/** Counts an event; kept until the driver is there, at most 100, and dropped after that. */
export function trackEvent(event: string, properties: Record<string, unknown> = {}): void {
  const at = Date.now()
  perform((driver) => driver.track(event, properties, at))
}
export function identifyUser(userId: string, properties: Record<string, unknown> = {}): void {
  perform((driver) => driver.identify(userId, properties))
}
/** A `$pageview` of the current address, without its query: that is where secrets travel. */
export function trackPageView(path: string = location.pathname): void {
  trackEvent('$pageview', { $current_url: location.origin + path, $pathname: path })
}
export function setUserProperties(properties: Record<string, unknown>): void {
  perform((driver) => driver.setProperties(properties))
}
export function resetUser(): void {
  perform((driver) => driver.reset())
}
/** The flag's value; the server's until the driver is there, then `false` for one that does not exist. */
export function getFeatureFlag(flag: string): FlagValue {
  const { driver, flags } = state()
  return driver?.getFlag(flag) ?? flags[flag] ?? false
}
export function isFeatureEnabled(flag: string): boolean {
  return getFeatureFlag(flag) !== false
}
/** False when the backend can't record, or is not there yet. */
export function startRecording(): boolean {
  return state().driver?.startRecording() ?? false
}
export function stopRecording(): boolean {
  return state().driver?.stopRecording() ?? false
}

function perform(call: Call): void {
  const current = state()
  if (current.driver) attempt(current.driver, call)
  else if (current.waiting.length < LIMIT) current.waiting.push(call)
  else current.dropped += 1
}

function attempt(driver: BrowserAnalyticsDriver, call: Call): void {
  try {
    call(driver)
  } catch {
    state().dropped += 1
  }
}

async function driverFor(config: BrowserAnalyticsConfig): Promise<BrowserAnalyticsDriver> {
  if (config.load) return config.load()
  if (config.key) {
    const { posthogBrowser } = await import('./drivers/posthog-browser.ts')
    return posthogBrowser({ key: config.key, ...(config.host && { host: config.host }) })
  }
  const { browserLocal } = await import('./drivers/browser-local.ts')
  return browserLocal({
    ingestUrl: config.ingestUrl ?? '/api/msc/browser',
    ...(config.flags && { flags: config.flags }),
  })
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => resolve(), { timeout: 2000 })
    else setTimeout(resolve, 200)
  })
}
