import './operations.ts'
export { defineConfig, type AppFolder, type MscConfig } from './config.ts'
export { createPlatform, type Platform, type PlatformHealth, type PlatformOptions } from './create-platform.ts'
export { problem, problemFrom, type ProblemOptions } from './problem.ts'
export {
  createRoutes,
  type DefineRoute,
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
export type { DatabaseCapabilities, DatabaseDriver, DriverTransaction } from './database/driver.ts'
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
