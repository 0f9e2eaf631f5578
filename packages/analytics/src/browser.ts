import { createLateCalls, processSlot, reportFailure } from '@msc/core'
import type { FlagValue } from './analytics.ts'
import type { BrowserAnalyticsConfig, Moment } from './browser/config.ts'
import type { BrowserEngine } from './browser/engine.ts'

export type { FlagValue } from './analytics.ts'
export type { BrowserAnalyticsConfig, BrowserParts } from './browser/config.ts'
export type { AnalyticsDriver, FlagSource, SessionRecorder } from './driver.ts'

interface State {
  config?: BrowserAnalyticsConfig
  loading?: Promise<void>
  /** Flags that were met before the engine was there; each is told once. */
  readonly met: Set<string>
  /** Who was identified before the engine was there. */
  person?: string
  /** Nothing that was evaluated for the person of before holds any more. */
  isSomebodyElse?: boolean
}

const state = (): State => processSlot('analytics/browser-state', () => ({ met: new Set<string>() }))
const calls = createLateCalls<BrowserEngine>('analytics/browser')
const hasPage = (): boolean => typeof document !== 'undefined'

/**
 * Chooses the backend. The engine's code loads when the page is idle; until then calls are kept, with their time.
 * Calling it again does nothing, and neither does calling it on a server, whose memory all visitors share.
 */
export function initAnalytics(config: BrowserAnalyticsConfig): void {
  if (!hasPage()) return
  const current = state()
  current.config ??= config
  load(current)
}

/** The name that {@link initAnalytics} had before it was every backend's. */
export { initAnalytics as initPostHog }

/** Counts an event; kept until the engine is there, at most 100 calls, and dropped after that; who the person is never is. Never throws. */
export function trackEvent(event: string, properties: object = {}): void {
  const moment = now()
  calls.perform((engine) => engine.track(event, properties, moment))
}
/** Who uses the page. Never throws. */
export function identifyUser(userId: string, properties: object = {}): void {
  const moment = now()
  calls.perform((engine) => engine.identify(userId, properties, moment), 'always')
  if (!hasPage()) return
  const current = state()
  // What the server has evaluated was for this person.
  if (current.person !== undefined && current.person !== userId) somebodyElse(current)
  current.person = userId
}
/** A page is looked at: the current one, without its query, which is where secrets travel. Nothing on a server. */
export function trackPageView(path?: string): void {
  if (!hasPage()) return
  const moment = now()
  // A query alone is the current page's.
  const viewed = typeof path === 'string' && /^[^?#]/.test(path) ? path : location.pathname
  const page = moment.page && { ...moment.page, url: location.origin + viewed }
  calls.perform((engine) => engine.page(viewed, { ...moment, ...(page && { page }) }))
}
export function setUserProperties(properties: object): void {
  const moment = now()
  calls.perform((engine) => engine.setProperties(properties, moment))
}
/** Forgets the person, as on sign-out. */
export function resetUser(): void {
  calls.perform((engine) => engine.reset(), 'always')
  if (hasPage()) somebodyElse(state())
}
/**
 * Asks `config.persist` again, because the visitor's answer has changed. Where it says no now, what was stored on this
 * device is deleted at once; else with the next call. Never throws.
 */
export function consentChanged(): void {
  calls.perform((engine) => engine.consentChanged(), 'always')
}
/**
 * The flag's value: what the server evaluated, else the backend's as soon as it is there, else `false`. Always `false`
 * while a server renders: take what the server itself has evaluated, as `config.flags`, there. Records the exposure.
 */
export function getFeatureFlag(flag: string): FlagValue {
  if (!hasPage()) return false
  const value = calls.engine ? calls.engine.flag(flag) : givenFlag(flag)
  if (value === undefined) return false
  const current = state()
  if (calls.engine || !current.met.has(flag)) {
    if (!calls.engine) current.met.add(flag)
    const moment = now()
    calls.perform((engine) => engine.expose(flag, moment))
  }
  return value
}
export function isFeatureEnabled(flag: string): boolean {
  return getFeatureFlag(flag) !== false
}
/** Asks for a recording, with text and inputs masked. False where nothing can record: on a server, or without PostHog. */
export function startRecording(): boolean {
  if (calls.engine) return calls.engine.startRecording()
  if (!mayRecord()) return false
  calls.perform((engine) => engine.startRecording(), 'always')
  return true
}
/** Ends it. False where nothing can record. */
export function stopRecording(): boolean {
  if (calls.engine) return calls.engine.stopRecording()
  if (!mayRecord()) return false
  calls.perform((engine) => engine.stopRecording(), 'always')
  return true
}

/** Nothing that was said of one person holds for another. */
function somebodyElse(current: State): void {
  current.isSomebodyElse = true
  current.met.clear()
  delete current.person
}

function mayRecord(): boolean {
  const config = hasPage() ? state().config : undefined
  return config !== undefined && (config.key !== undefined || config.load !== undefined)
}

/** Names of flags are text from anywhere: `constructor` is no flag. */
function givenFlag(flag: string): FlagValue | undefined {
  const { config, isSomebodyElse } = state()
  const flags = isSomebodyElse ? undefined : config?.flags
  return flags && Object.hasOwn(flags, flag) ? flags[flag] : undefined
}

function now(): Moment {
  const at = Date.now()
  if (!hasPage() || typeof location === 'undefined') return { at }
  const { referrer = '', title = '' } = document
  const { userAgent = '' } = (globalThis as { navigator?: { userAgent?: string } }).navigator ?? {}
  return { at, page: { url: location.href, referrer, title, userAgent } }
}

function load(current: State): void {
  const { config } = current
  if (!config || current.loading) return
  current.loading = idle()
    .then(() => import('./browser-engine.ts'))
    .then(({ startEngine }) => startEngine(config))
    .then((engine) => {
      const { dropped } = calls
      calls.resolve(engine)
      engine.analytics.drop('call', dropped, 'queue full', 'There were more calls than a page keeps for its engine.')
    })
    .catch((error: unknown) => {
      // A chunk that could not be loaded, or a key that is none; a later call of `initAnalytics` tries again.
      delete current.loading
      reportFailure(error, { concern: 'analytics', operation: 'load' })
    })
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => resolve(), { timeout: 2000 })
    else setTimeout(resolve, 200)
  })
}
