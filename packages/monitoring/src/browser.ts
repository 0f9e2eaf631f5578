import { createLateCalls, processSlot, reportFailure } from '@msc/core'
import type { CaptureContext, Monitoring } from './create-monitoring.ts'
import type { MonitoringDriver } from './driver.ts'
import { readContext } from './event/read-context.ts'
import type { Level, MonitoredUser } from './signals.ts'

export type { CaptureContext } from './create-monitoring.ts'
export type { MonitoringDriver } from './driver.ts'
export type { Level, MonitoredUser } from './signals.ts'

export interface BrowserMonitoringConfig {
  /** Sentry's DSN. Without one, events go to `ingestUrl`. */
  readonly dsn?: string
  readonly ingestUrl?: string
  readonly release?: string
  readonly environment?: string
  /** Loads a driver of your own. */
  readonly load?: () => Promise<MonitoringDriver>
}

interface State {
  config?: BrowserMonitoringConfig
  loading?: Promise<void>
  /** The last reported reason why the engine could not start. */
  failure?: string
}

const state = (): State => processSlot('monitoring/browser-state', () => ({}))
const calls = createLateCalls<Monitoring>('monitoring/browser')

/**
 * Watches the page for errors, rejections, clicks and navigation. The engine's code loads when the page is idle or with
 * the first error; until then calls are kept with their time. If the engine can't start, because of an invalid DSN for
 * example, that is reported to the process-wide reporter, else to the console. A second call does nothing, and neither
 * does a call during server rendering.
 */
export function initMonitoring(config: BrowserMonitoringConfig): void {
  const current = state()
  if (typeof document === 'undefined' || current.config) return
  current.config = config
  addEventListener('error', (event) => {
    // The event of an element that fails to load has no error.
    if (event.error) captureException(event.error, { handled: false })
  })
  addEventListener('unhandledrejection', (event) => captureException(event.reason, { handled: false }))
  document.addEventListener('click', onClick, { capture: true, passive: true })
  addEventListener('popstate', () => addBreadcrumb(location.pathname, 'navigation'))
  if (typeof requestIdleCallback === 'function') requestIdleCallback(() => load(), { timeout: 5000 })
  else setTimeout(load, 1000)
}

/**
 * Reports an error. Until the engine has loaded, at most 100 calls are kept. Later ones are dropped, and counted as `call`
 * once it has loaded. Never throws.
 */
export function captureException(error: unknown, context?: CaptureContext): void {
  const known = { timestamp: Date.now(), ...readContext(context) }
  calls.perform((monitoring) => monitoring.captureException(error, known))
  load()
}
/** Reports a message, like {@link captureException}. */
export function captureMessage(message: string, level: Level = 'info', context?: CaptureContext): void {
  const known = { timestamp: Date.now(), ...readContext(context) }
  calls.perform((monitoring) => monitoring.captureMessage(message, level, known))
}
/** Adds a breadcrumb. The page keeps the newest 100 and sends them with its next event. Never throws. */
export function addBreadcrumb(message: string, category = 'default', data?: Record<string, unknown>): void {
  const timestamp = Date.now()
  calls.perform((monitoring) => monitoring.addBreadcrumb(message, category, data, { timestamp }), 'newest')
}
/** Sets the user of the page; `null` for none. Never throws. */
export function setUser(user: MonitoredUser | null): void {
  calls.perform((monitoring) => monitoring.setUser(user), 'always')
}

/** The number of characters to keep of a clicked control's label. */
const MAX_LABEL = 70

/** Records the control that was clicked, by its label. Ignores inputs, so that it never records typed text. */
function onClick(event: Event): void {
  const control = event.target instanceof Element ? event.target.closest('a, button, [role=button]') : null
  if (!control) return
  const name = control.getAttribute('aria-label') ?? control.textContent ?? ''
  const label = `${control.tagName.toLowerCase()} ${name.trim()}`
  const options = { timestamp: Date.now(), maxLength: MAX_LABEL }
  // The engine redacts the label before it cuts it.
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
      monitoring.drop(
        'call',
        dropped,
        'queue full',
        'The page made more calls than it keeps before its engine has loaded.',
      )
    })
    .catch((error: unknown) => {
      // A chunk could not be loaded, or the DSN is invalid. The next error tries again.
      delete current.loading
      // Each reason is reported once, not for each error that tries.
      const failure = String((error as Error | undefined)?.message)
      if (current.failure === failure) return
      current.failure = failure
      reportFailure(error, { concern: 'monitoring', operation: 'load' })
    })
}
