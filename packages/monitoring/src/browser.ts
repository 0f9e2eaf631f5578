import { createLateCalls, processSlot } from '@msc/core'
import type { CaptureContext, Monitoring } from './create-monitoring.ts'
import type { MonitoringDriver } from './driver.ts'
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
}

const state = (): State => processSlot('monitoring/browser-state', () => ({}))
const calls = createLateCalls<Monitoring>('monitoring/browser')

/**
 * Watches the page for errors, rejections, clicks and navigation. The engine's code loads when the page is idle or with
 * the first error; until then calls are kept, with their time. Calling it again does nothing. Harmless during server
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

/** Reports an error; kept until the engine is there, at most 100 calls, and dropped after that. Never throws. */
export function captureException(error: unknown, context: CaptureContext = {}): void {
  const timestamp = Date.now()
  calls.perform((monitoring) => monitoring.captureException(error, { timestamp, ...context }))
  load()
}
/** As {@link captureException}, for a message. */
export function captureMessage(message: string, level: Level = 'info', context: CaptureContext = {}): void {
  const timestamp = Date.now()
  calls.perform((monitoring) => monitoring.captureMessage(message, level, { timestamp, ...context }))
}
/** Kept with the page, the newest 100, and sent with its next event. Never throws. */
export function addBreadcrumb(message: string, category = 'default', data?: Record<string, unknown>): void {
  const timestamp = Date.now()
  calls.perform((monitoring) => monitoring.addBreadcrumb(message, category, data, { timestamp }))
}
/** Who uses the page; `null` for nobody. Never throws. */
export function setUser(user: MonitoredUser | null): void {
  calls.perform((monitoring) => monitoring.setUser(user))
}

/** What was clicked, never what was typed: a control's name comes from its label, and inputs are left alone. */
function onClick(event: Event): void {
  const control = event.target instanceof Element ? event.target.closest('a, button, [role=button]') : null
  if (!control) return
  const name = control.getAttribute('aria-label') ?? control.textContent ?? ''
  addBreadcrumb(`${control.tagName.toLowerCase()} ${name.trim().slice(0, 60)}`, 'ui.click')
}

function load(): void {
  const current = state()
  const { config } = current
  if (!config || current.loading) return
  current.loading = import('./browser-engine.ts')
    .then(({ startEngine }) => startEngine(config))
    .then(calls.resolve)
    .catch(() => {
      // The chunk could not be loaded; the next error tries again.
      delete current.loading
    })
}
