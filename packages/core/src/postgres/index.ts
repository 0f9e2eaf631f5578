export { LEAST_CONNECTIONS, assertClient } from './assert-client.ts'
export type {
  PostgresClient,
  PostgresConnection,
  PostgresEmbedded,
  PostgresPool,
  PostgresQuery,
  PostgresSender,
  PostgresStatement,
} from './client.ts'
export { isContention, postgresFailure, type PostgresFailureContext } from './failures.ts'
export { listen, type Listening } from './listen.ts'
export { POOLER_HINT, isPooled } from './pooled.ts'
export { isAnswer, onConnection, queryOn } from './query.ts'
