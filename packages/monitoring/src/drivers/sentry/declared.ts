import type { MonitoringCapabilities } from '../../driver.ts'

/** What an engine reads of the driver before its code is loaded. Sentry refuses an event of more than 1 MB; what is close to it is not worth the attempt. */
export const CAPABILITIES: MonitoringCapabilities = {
  kinds: ['error', 'message', 'log', 'span', 'metric', 'check-in', 'session', 'feedback', 'drops'],
  limits: { maxItems: 100, maxBytes: 4_000_000, maxItemBytes: 950_000 },
}
export const VARIABLES: readonly string[] = ['NEXT_PUBLIC_SENTRY_DSN']
