import type { AnalyticsCapabilities } from '../../driver.ts'
import { ALL_KINDS } from '../kinds.ts'

/** PostHog rejects events of more than 1 MB and accepts bodies of 20 MB; smaller bodies pass more proxies. */
export const CAPABILITIES: AnalyticsCapabilities = {
  kinds: ALL_KINDS,
  limits: { maxItems: 100, maxBytes: 1_000_000, maxItemBytes: 950_000 },
}
