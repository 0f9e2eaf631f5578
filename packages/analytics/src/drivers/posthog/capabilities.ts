import type { AnalyticsCapabilities } from '../../driver.ts'
import { ALL_KINDS } from '../kinds.ts'

/** PostHog refuses events of more than 1 MB, and takes 20 MB at once; smaller bodies get through more proxies. */
export const CAPABILITIES: AnalyticsCapabilities = {
  kinds: ALL_KINDS,
  limits: { maxItems: 100, maxBytes: 1_000_000, maxItemBytes: 950_000 },
}
