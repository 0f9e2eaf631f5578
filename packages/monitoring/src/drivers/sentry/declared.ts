import type { MonitoringCapabilities } from '../../driver.ts'

/**
 * The capabilities, which an engine reads before the driver's code is loaded. Sentry refuses events of more than 1 MB, so
 * the limit is a little below.
 */
export const CAPABILITIES: MonitoringCapabilities = {
  kinds: ['error', 'message', 'log', 'span', 'metric', 'check-in', 'session', 'feedback', 'drops'],
  limits: { maxItems: 100, maxBytes: 4_000_000, maxItemBytes: 950_000 },
}
export const VARIABLES: readonly string[] = ['NEXT_PUBLIC_SENTRY_DSN']
