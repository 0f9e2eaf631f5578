export {
  createBrowserStore,
  type BrowserStore,
  type BrowserStoreOptions,
  type StoreLocks,
} from './page/browser-store.ts'
export { atProcessEnd, type EndingOptions, type EndingParticipant, type FatalOrigin } from './ending/endings.ts'
export { describeLimits, type Limited } from './limited.ts'
export { journalSink, type JournalSink, type JournalSinkOptions } from './sink/journal-sink.ts'
export { createOutbox } from './outbox.ts'
export { PAGE_POST_LIMITS, createPagePost, type PagePost, type PagePostOptions } from './page/page-post.ts'
export { createPageFetch, keepaliveRoom, onLeaving, type PageFetchOptions } from './page/page.ts'
export { sinkShape } from './sink/sink-shape.ts'
export { jsonBytes, plainJson } from './page/plain-json.ts'
export {
  driversAsOne,
  sinksAsOne,
  sumOfSinks,
  worstBreaker,
  type CountedSink,
  type SinkOf,
  type SinksAsOne,
} from './sink/several.ts'
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
} from './sink/receipt.ts'
export { writeEach, type Written } from './sink/write-each.ts'
