import './operations.ts'
export { defineConfig, type AppFolder, type MscConfig } from './config.ts'
export {
  createPlatform,
  type Platform,
  type PlatformHealth,
  type PlatformOptions,
  type ServiceHealth,
} from './create-platform.ts'
export { problem, problemFrom, type ProblemOptions } from './problem.ts'
export {
  createRoutes,
  localPath,
  seeOther,
  type DefineRoute,
  type FormSent,
  type RouteHandler,
  type RouteOptions,
  type RoutePorts,
  type RouteUser,
} from './route.ts'
export type { Claims } from './database/claims.ts'
export { createDatabase, type DatabaseOptions } from './database/create-database.ts'
export {
  configureDatabase,
  createDatabaseFromEnv,
  getDefaultDatabase,
  setDefaultDatabase,
  type DatabaseFromEnvOptions,
} from './database/default-database.ts'
export { supabaseShape } from './database/supabase-shape.ts'
export type { Database, Migration, Transaction, TransactionOptions } from './database/database.ts'
export type {
  DatabaseCapabilities,
  DatabaseDriver,
  DriverTransaction,
  DriverTransactionOptions,
} from './database/driver.ts'
export {
  UNKNOWN_ADDRESS,
  clientAddress,
  stampClientAddress,
  type AddressedRequest,
  type ClientAddressOptions,
} from './profile/client-address.ts'
export { profileFromEnv, type Profile, type ProfileName } from './profile/profile.ts'
export { publishedEnv } from './profile/published.ts'
export { assertSecrets, type SecretRule, type SecretsOptions } from './profile/secrets.ts'
export type { RealtimeTokens } from './profile/secret-pairs.ts'
export {
  newNonce,
  pagePolicy,
  securityHeaders,
  type PagePolicyOptions,
  type SecurityHeaderOptions,
} from './profile/security-headers.ts'
export { createFormMemory, type FormMemory, type KeptForm } from './form-memory.ts'
export { isOneLine, isStorable, isVisible } from './text.ts'
export { createSessions } from './sessions/create-sessions.ts'
export { sessionCookieName, sessionTokenOf, type SessionCookieOptions } from './sessions/session-cookie.ts'
export { sessionsMigration } from './sessions/sessions-migration.ts'
export type {
  EndedSession,
  ListedSession,
  SessionRequest,
  Sessions,
  SessionsOptions,
  StartOptions,
  StartedSession,
  VerifiedSession,
} from './sessions/sessions.ts'
export type { FailedSignIn } from './sessions/failed-sign-ins.ts'
export {
  createSignInGuard,
  type FailurePage,
  type SignInAttempt,
  type SignInGuard,
  type SignInGuardOptions,
  type SignInCheckOptions,
  type SignInPlace,
  type SignInVerdict,
} from './sessions/sign-in-guard.ts'
export { growingDelays, type GrowingDelays } from './sessions/sign-in-limits.ts'
export { createIdempotency } from './idempotency/create-idempotency.ts'
export { idempotentId, parseIdempotencyKey } from './idempotency/idempotency-key.ts'
export { idempotencyMigration } from './idempotency/idempotency-migration.ts'
export type { Idempotency, IdempotencyOptions, IdempotentRequest } from './idempotency/idempotency.ts'
export type { IdempotencyMode } from './idempotency/route-idempotency.ts'
export { addToOutbox } from './outbox/add.ts'
export { createOutbox, type OutboxOptions } from './outbox/create-outbox.ts'
export type {
  Deliver,
  DeliveryContext,
  NewOutboxEntry,
  Outbox,
  OutboxEntry,
  OutboxEntryState,
  OutboxState,
  ParkedEntry,
} from './outbox/outbox.ts'
export { outboxMigration } from './outbox/schema.ts'
