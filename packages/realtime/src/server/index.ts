export type { Claims } from './entrance/claims.ts'
export { createRealtimeServer } from './create-server.ts'
export type { RealtimeServerOptions } from './options.ts'
export type { RealtimeServer } from './realtime-server.ts'
export type { KeptPage, KeptWish } from './read-kept.ts'
export type { HistoryStats, RealtimeStats } from './operate/stats.ts'
export type { MetricsOptions } from './operate/operate.ts'
export type { DegradedReason, ServerHealth } from './operate/health.ts'
export type { Rates, Totals } from './operate/sampling.ts'
export type { FollowedMessage } from './operate/followers.ts'
export type {
  Inspection,
  MemberSummary,
  MembersQuery,
  RoomDetails,
  RoomSummary,
  RoomsPage,
  RoomsQuery,
} from './operate/inspect.ts'
export type { RefusedOfLate } from './rooms/room-members.ts'
export type { TransportName } from './entrance/connection.ts'
export type { BusStats } from './bus/link.ts'
export type { RealtimeBus } from '../bus/bus.ts'
export type { RefusedCode } from './counters.ts'
export type { Occupancy } from '../driver.ts'
export type { DrainOptions } from './entrance/draining.ts'
export type { KickOptions } from './ending.ts'
export type { ServerAction } from './act.ts'
export type { ActionQuestion, ActionsRule } from './history/actions.ts'
export type { HistoryRule } from './history/rules.ts'
export type { ActionOutcome, Found, LatestWish, NewAction, NewMessage } from './history/store.ts'
export type { FeedKeeping } from '../feed/keeping.ts'
export type { Kicked } from './admission/bans.ts'
export type { Revoked } from './admission/revocations.ts'
export type { RefusalCode } from './session/refusal.ts'
export type { KeyRule } from './session/presence-key.ts'
export { feedMigration, type FeedMembers, type FeedMigrationOptions, type FeedTable } from '../feed/sql.ts'
export { relayFeeds, type Relay, type RelayOptions } from '../feed/relay.ts'
export type { Before } from '../feed/lanes.ts'
export {
  feedSource,
  type FeedHistory,
  type FeedMessage,
  type FeedSource,
  type FeedSourceOptions,
  type FeedStats,
  type OutboxStats,
} from '../feed/source.ts'
export type { FeedEvent } from '../feed/message.ts'
export type { FeedPage } from '../feed/page.ts'
export type { PostgresClient } from '@msc/core/postgres'
export type { HolderLimits, LimitOptions, Limits } from './admission/limits.ts'
export type { Ended, IsLive } from './admission/liveness.ts'
export { REALTIME_ROUTES, type RealtimeRoute } from './http/routes.ts'
export type { Authorize, TopicAction, TopicQuestion } from './policies/permissions.ts'
export { databasePolicies, type DatabasePoliciesOptions, type PolicyClient } from './policies/policies.ts'
export { unstamped, type Stamp } from '../base/stamp.ts'
export { realtimeSchema } from './policies/schema.ts'
export { feedPosition, type FeedPositionOptions } from './feed-position.ts'
export { startRealtimeServer, type StandaloneServer } from './start-server.ts'
