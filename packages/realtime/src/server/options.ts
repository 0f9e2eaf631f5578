import type { IncomingMessage } from 'node:http'
import {
  ConfigError,
  assertChoice,
  assertMethods,
  assertOptions,
  assertPorts,
  assertText,
  type Clock,
  type ErrorReporter,
} from '@msc/core'
import { assertJwtSecret } from '../bus/jwt-secret.ts'
import { BUS_METHODS, type RealtimeBus } from '../bus/bus.ts'
import type { FeedSource } from '../feed/source.ts'
import { assertKnown, type Names } from './assert-known.ts'
import type { IsLive } from './admission/liveness.ts'
import type { LimitOptions } from './admission/limits.ts'
import type { HistoryRule } from './history/rules.ts'
import { assertMetrics, type MetricsOptions } from './operate/operate.ts'
import type { Authorize } from './policies/permissions.ts'
import type { KeyRule } from './session/presence-key.ts'

export interface RealtimeServerOptions {
  /** Signs and verifies tokens (HS256), at least 32 characters. */
  readonly jwtSecret: string
  /**
   * May the holder of these claims do this on a private topic? A rejection, and no answer within 5 s, let nobody in: they are
   * refused as unavailable, to be tried again. Asked at every join and for every new token. `databasePolicies` asks the database.
   */
  readonly authorize: Authorize
  /** What the database says of its rows; started and closed with the server. */
  readonly feeds?: FeedSource
  /** Joins the rooms of several servers; started and closed with this one. Default: this server is the only one. */
  readonly bus?: RealtimeBus
  /**
   * While `jwtSecret` changes: other secrets whose processes are believed on the bus. First the next one, on all servers; then it
   * becomes their `jwtSecret` and the earlier one is here, until the last server has it. Default: none.
   */
  readonly busSecrets?: readonly string[]
  /**
   * Topics whose broadcasts are kept, for who was away and who comes later: in the database of `feeds` where there are feeds, for
   * all servers and beyond a restart, else in this process. A message is acknowledged once it is kept. Default: none.
   */
  readonly history?: readonly HistoryRule[]
  /**
   * Does the session of this token still go on? Asked at every connection, request, join and new token whose claims have a
   * `sub` or a `session_id`. False refuses it as not authorised; a rejection, and no answer within 2 s, refuse it as
   * unavailable, to be tried again. Default: every valid token is live until it expires.
   */
  readonly isLive?: IsLive
  /** What is left out has its default. */
  readonly limits?: LimitOptions
  /**
   * Who somebody may be in presence. `user`, the default: the holder of a token with a `sub` is that id, or begins with it and a
   * colon (`ana:phone`), so ids should have no colon; others are refused at the join, and whoever has no `sub` gets a random
   * key. `any`: whatever the client says.
   */
  readonly presenceKey?: KeyRule
  /** Refuses public topics, at joins, in REST broadcasts and event streams. Default false. */
  readonly privateOnly?: boolean
  /**
   * The address by which the limits count a request: behind a proxy, the one that your proxy saw. IPv6 is counted by /64.
   * When it throws, or answers with what is no address, the request counts as of an unknown one, and all of those together.
   * Default: the address at the other end of the connection.
   */
  readonly clientAddress?: (request: IncomingMessage) => string
  readonly clock?: Clock
  /** Told of what fails where nobody waits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
  /** Default `/realtime/v1`. */
  readonly path?: string
  /** Who may read the numbers of the server, beside the service role, and how often samples are taken. */
  readonly metrics?: MetricsOptions
}

const NAMES: Names<RealtimeServerOptions & { readonly port?: number }> = {
  jwtSecret: true,
  authorize: true,
  feeds: true,
  bus: true,
  busSecrets: true,
  history: true,
  isLive: true,
  limits: true,
  presenceKey: true,
  privateOnly: true,
  clientAddress: true,
  clock: true,
  onError: true,
  path: true,
  metrics: true,
  port: true,
}
const FEED_METHODS: readonly (keyof FeedSource)[] = ['start', 'since', 'replay', 'close']

/** @throws ConfigError for a secret that is too short; `OPTION_INVALID` for options that are not what they should be. */
export function assertServerOptions(options: RealtimeServerOptions): void {
  assertOptions('realtime', options)
  assertKnown(options, NAMES)
  const { jwtSecret, path = '/realtime/v1', feeds, bus, busSecrets = [], presenceKey, privateOnly, metrics } = options
  assertJwtSecret(jwtSecret)
  if (!Array.isArray(busSecrets)) throw noList()
  for (const secret of busSecrets) assertJwtSecret(secret)
  assertMethods('realtime', 'options', options, ['authorize'], ['isLive', 'clientAddress'])
  assertText('realtime', 'path', path)
  assertPorts('realtime', options)
  if (feeds !== undefined) assertMethods('realtime', 'feeds', feeds, FEED_METHODS)
  if (bus !== undefined) assertMethods('realtime', 'bus', bus, BUS_METHODS)
  if (metrics !== undefined) assertMetrics(metrics)
  assertChoice('realtime', 'presenceKey', presenceKey, ['user', 'any', undefined])
  assertChoice('realtime', 'privateOnly', privateOnly, [true, false, undefined])
}

function noList(): ConfigError {
  return new ConfigError('[msc/realtime] `busSecrets` is no list of secrets.', {
    code: 'OPTION_INVALID',
    hint: 'Pass the next secret, or the earlier one, in a list.',
  })
}
