import { createLateCalls, processSlot, reportFailure } from '@msc/core'
import type { CaptureContext, Monitoring } from './create-monitoring.ts'
import type { MonitoringDriver } from './driver.ts'
import { readContext } from './event/read-context.ts'
import type { Level, MonitoredUser } from './signals.ts'

export type { CaptureContext } from './create-monitoring.ts'
export type { MonitoringDriver } from './driver.ts'
export type { Level, MonitoredUser } from './signals.ts'

export interface BrowserMonitoringConfig {
  /** Sentry's DSN; without one events go to `ingestUrl`. */
  readonly dsn?: string
  readonly ingestUrl?: string
  readonly release?: string
  readonly environment?: string
  /** A driver of your own. */
  readonly load?: () => Promise<MonitoringDriver>
}

interface State {
  config?: BrowserMonitoringConfig
  loading?: Promise<void>
  /** Why the engine could not be started, as it was reported. */
  failure?: string
}

const state = (): State => processSlot('monitoring/browser-state', () => ({}))
const calls = createLateCalls<Monitoring>('monitoring/browser')

/**
 * Watches the page for errors, rejections, clicks and navigation. The engine's code loads when the page is idle or with
 * the first error; until then calls are kept, with their time. What keeps the engine from starting, such as a DSN that is
 * none, is reported to the process's reporter, else to the console. Calling it again does nothing. Harmless during server
 * rendering.
 */
export function initMonitoring(config: BrowserMonitoringConfig): void {
  const current = state()
  if (typeof document === 'undefined' || current.config) return
  current.config = config
  addEventListener('error', (event) => {
    // An element that fails to load has no error.
    if (event.error) captureException(event.error, { handled: false })
  })
  addEventListener('unhandledrejection', (event) => captureException(event.reason, { handled: false }))
  document.addEventListener('click', onClick, { capture: true, passive: true })
  addEventListener('popstate', () => addBreadcrumb(location.pathname, 'navigation'))
  if (typeof requestIdleCallback === 'function') requestIdleCallback(() => load(), { timeout: 5000 })
  else setTimeout(load, 1000)
}

/**
 * Reports an error; kept until the engine is there, at most 100 calls. Those after that are dropped, and counted as `call`
 * once the engine comes. Never throws.
 */
export function captureException(error: unknown, context?: CaptureContext): void {
  const known = { timestamp: Date.now(), ...readContext(context) }
  calls.perform((monitoring) => monitoring.captureException(error, known))
  load()
}
/** As {@link captureException}, for a message. */
export function captureMessage(message: string, level: Level = 'info', context?: CaptureContext): void {
  const known = { timestamp: Date.now(), ...readContext(context) }
  calls.perform((monitoring) => monitoring.captureMessage(message, level, known))
}
/** Kept with the page, the newest 100, and sent with its next event. Never throws. */
export function addBreadcrumb(message: string, category = 'default', data?: Record<string, unknown>): void {
  const timestamp = Date.now()
  calls.perform((monitoring) => monitoring.addBreadcrumb(message, category, data, { timestamp }), 'newest')
}
/** Who uses the page; `null` for nobody. Never throws. */
export function setUser(user: MonitoredUser | null): void {
  calls.perform((monitoring) => monitoring.setUser(user), 'always')
}

/** Characters of what is told of a click. */
const MAX_LABEL = 70

/** What was clicked, never what was typed: a control's name comes from its label, and inputs are left alone. */
function onClick(event: Event): void {
  const control = event.target instanceof Element ? event.target.closest('a, button, [role=button]') : null
  if (!control) return
  const name = control.getAttribute('aria-label') ?? control.textContent ?? ''
  const label = `${control.tagName.toLowerCase()} ${name.trim()}`
  const options = { timestamp: Date.now(), maxLength: MAX_LABEL }
  // Cut by the engine, once it is redacted.
  calls.perform((monitoring) => monitoring.addBreadcrumb(label, 'ui.click', undefined, options), 'newest')
}

function load(): void {
  const current = state()
  const { config } = current
  if (!config || current.loading) return
  current.loading = import('./browser-engine.ts')
    .then(({ startEngine }) => startEngine(config))
    .then((monitoring) => {
      const { dropped } = calls
      calls.resolve(monitoring)
      monitoring.drop('call', dropped, 'queue full', 'There were more calls than a page keeps for its engine.')
    })
    .catch((error: unknown) => {
      // A chunk that could not be loaded, or a DSN that is none; the next error tries again.
      delete current.loading
      // Told once for each reason, not for each error that tries.
      const failure = String((error as Error | undefined)?.message)
      if (current.failure === failure) return
      current.failure = failure
      reportFailure(error, { concern: 'monitoring', operation: 'load' })
    })
}
