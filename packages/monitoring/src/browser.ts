import type { CaptureContext, Monitoring } from './create-monitoring.ts'
import type { Level, MonitoredUser, MonitoringDriver } from './driver.ts'

export type { CaptureContext } from './create-monitoring.ts'
export type { Level, MonitoredUser, MonitoringDriver } from './driver.ts'

export interface BrowserMonitoringConfig {
  /** Sentry's DSN; without one events go to `ingestUrl`. */
  readonly dsn?: string
  readonly ingestUrl?: string
  readonly release?: string
  readonly environment?: string
  /** A driver of your own. */
  readonly load?: () => Promise<MonitoringDriver>
}

type Call = (monitoring: Monitoring) => void

interface State {
  engine?: Monitoring
  loading?: Promise<void>
  config?: BrowserMonitoringConfig
  waiting: Call[]
  dropped: number
}

/** Calls that are kept until the engine is there. */
const LIMIT = 100
const KEY = Symbol.for('@msc/monitoring/browser')

function state(): State {
  const globals = globalThis as { [KEY]?: State }
  return (globals[KEY] ??= { waiting: [], dropped: 0 })
}

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
  perform((monitoring) => monitoring.captureException(error, { timestamp, ...context }))
  load()
}
export function captureMessage(message: string, level: Level = 'info', context: CaptureContext = {}): void {
  const timestamp = Date.now()
  perform((monitoring) => monitoring.captureMessage(message, level, { timestamp, ...context }))
}
export function addBreadcrumb(message: string, category = 'default', data?: Record<string, unknown>): void {
  const timestamp = Date.now()
  perform((monitoring) => monitoring.addBreadcrumb(message, category, data, { timestamp }))
}
export function setUser(user: MonitoredUser | null): void {
  perform((monitoring) => monitoring.setUser(user))
}

/** What was clicked, never what was typed: a control's name comes from its label, and inputs are left alone. */
function onClick(event: Event): void {
  const control = event.target instanceof Element ? event.target.closest('a, button, [role=button]') : null
  if (!control) return
  const name = control.getAttribute('aria-label') ?? control.textContent ?? ''
  addBreadcrumb(`${control.tagName.toLowerCase()} ${name.trim().slice(0, 60)}`, 'ui.click')
}

function perform(call: Call): void {
  const current = state()
  if (current.engine) return call(current.engine)
  if (current.waiting.length < LIMIT) current.waiting.push(call)
  else current.dropped += 1
}

function load(): void {
  const current = state()
  const { config } = current
  if (!config || current.loading) return
  current.loading = import('./browser-engine.ts')
    .then(({ startEngine }) => startEngine(config))
    .then((engine) => {
      current.engine = engine
      for (const call of current.waiting.splice(0)) call(engine)
    })
    .catch(() => {
      // The chunk could not be loaded; the next error tries again.
      delete current.loading
    })
}
