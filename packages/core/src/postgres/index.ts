export { assertClient } from './assert-client.ts'
export type { PostgresClient, PostgresConnection, PostgresEmbedded, PostgresPool, PostgresQuery } from './client.ts'
export { listen, type Listening } from './listen.ts'
export { onConnection, queryOn } from './query.ts'
