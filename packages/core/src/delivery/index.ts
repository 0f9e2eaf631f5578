export { createBrowserStore, type BrowserStore, type BrowserStoreOptions, type StoreLocks } from './browser-store.ts'
export { atProcessEnd, type EndingOptions, type EndingParticipant, type FatalOrigin } from './endings.ts'
export { describeLimits, type Limited } from './limited.ts'
export { journalSink, type JournalSink, type JournalSinkOptions } from './journal-sink.ts'
export { createOutbox } from './outbox.ts'
export { PAGE_POST_LIMITS, createPagePost, type PagePost, type PagePostOptions } from './page-post.ts'
export { createPageFetch, keepaliveRoom, onLeaving, type PageFetchOptions } from './page.ts'
export { sinkShape } from './sink-shape.ts'
export { jsonBytes, plainJson } from './plain-json.ts'
export {
  driversAsOne,
  sinksAsOne,
  sumOfSinks,
  worstBreaker,
  type CountedSink,
  type SinkOf,
  type SinksAsOne,
} from './several.ts'
export type { BatchLimits, ItemLabel, Outbox, OutboxOptions, OutboxStore } from './outbox-types.ts'
export {
  DELIVERED,
  type DeliveryStats,
  type Drop,
  type DropReason,
  type KindLimit,
  type Receipt,
  type Rejection,
  type SendContext,
  type Urgency,
} from './receipt.ts'
export { writeEach, type Written } from './write-each.ts'
