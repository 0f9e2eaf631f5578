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
  /** Flags that were read before the engine had loaded; each is exposed once. */
  readonly met: Set<string>
  /** The person who was identified before the engine had loaded. */
  person?: string
  /** True once the person has changed: the flags that the server gave are for somebody else. */
  hasChangedPerson?: boolean
}

const state = (): State => processSlot('analytics/browser-state', () => ({ met: new Set<string>() }))
const calls = createLateCalls<BrowserEngine>('analytics/browser')
const hasPage = (): boolean => typeof document !== 'undefined'

/**
 * Chooses the backend. The engine's code loads when the page is idle; until then calls are kept with their time. A
 * second call does nothing, and neither does a call on a server, where all visitors share one memory.
 */
export function initAnalytics(config: BrowserAnalyticsConfig): void {
  if (!hasPage()) return
  const current = state()
  current.config ??= config
  load(current)
}

/** The name of {@link initAnalytics} when PostHog was the only backend. */
export { initAnalytics as initPostHog }

/**
 * Records an event. Until the engine has loaded, at most 100 calls are kept and later ones are dropped; identifications
 * are always kept. Never throws.
 */
export function trackEvent(event: string, properties: object = {}): void {
  const moment = now()
  calls.perform((engine) => engine.track(event, properties, moment))
}
/** Identifies the person who uses the page. Never throws. */
export function identifyUser(userId: string, properties: object = {}): void {
  const moment = now()
  calls.perform((engine) => engine.identify(userId, properties, moment), 'always')
  if (!hasPage()) return
  const current = state()
  // The server evaluated its flags for the person before this one.
  if (current.person !== undefined && current.person !== userId) personChanged(current)
  current.person = userId
}
/**
 * Records a view of `path`, by default of the current page, without the query, which may hold secrets. Does nothing on
 * a server. Never throws.
 */
export function trackPageView(path?: string): void {
  if (!hasPage()) return
  const moment = now()
  // A query without a path belongs to the current page.
  const viewed = typeof path === 'string' && /^[^?#]/.test(path) ? path : location.pathname
  const page = moment.page && { ...moment.page, url: location.origin + viewed }
  calls.perform((engine) => engine.page(viewed, { ...moment, ...(page && { page }) }))
}
export function setUserProperties(properties: object): void {
  const moment = now()
  calls.perform((engine) => engine.setProperties(properties, moment))
}
/** Forgets the person, on sign-out for example. */
export function resetUser(): void {
  calls.perform((engine) => engine.reset(), 'always')
  if (hasPage()) personChanged(state())
}
/**
 * Asks `config.persist` again, because the visitor's answer has changed. When it returns false, everything stored on
 * this device is deleted at once; otherwise storing resumes with the next call. Never throws.
 */
export function consentChanged(): void {
  calls.perform((engine) => engine.consentChanged(), 'always')
}
/**
 * Returns the flag's value: the server's, else the backend's once the engine has loaded, else `false`. While a server
 * renders it is always `false`; use the values that the server itself evaluated, as `config.flags`, there. Records the
 * exposure.
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
/**
 * Starts a recording with text and inputs masked. Returns false when nothing can record: on a server, or without
 * PostHog.
 */
export function startRecording(): boolean {
  if (calls.engine) return calls.engine.startRecording()
  if (!mayRecord()) return false
  calls.perform((engine) => engine.startRecording(), 'always')
  return true
}
/** Ends the recording. Returns false when nothing can record. */
export function stopRecording(): boolean {
  if (calls.engine) return calls.engine.stopRecording()
  if (!mayRecord()) return false
  calls.perform((engine) => engine.stopRecording(), 'always')
  return true
}

/** Drops all that was evaluated or kept for the person before. */
function personChanged(current: State): void {
  current.hasChangedPerson = true
  current.met.clear()
  delete current.person
}

function mayRecord(): boolean {
  const config = hasPage() ? state().config : undefined
  return config !== undefined && (config.key !== undefined || config.load !== undefined)
}

/** Own properties only: flag names are arbitrary text, and `constructor` is not a flag. */
function givenFlag(flag: string): FlagValue | undefined {
  const { config, hasChangedPerson } = state()
  const flags = hasChangedPerson ? undefined : config?.flags
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
      engine.analytics.drop(
        'call',
        dropped,
        'queue full',
        'The page made more calls than it keeps before its engine has loaded.',
      )
    })
    .catch((error: unknown) => {
      // A chunk could not be loaded, or the key is invalid; a later call of `initAnalytics` tries again.
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
