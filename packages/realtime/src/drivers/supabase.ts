import {
  ConfigError,
  DriverError,
  assertWebAddress,
  lazyPeer,
  peerMissing,
  processEnv,
  readEnv,
  readEnvGroup,
  sleep,
  systemClock,
  withoutScope,
  type Env,
  guardSignals,
  closedError,
  isCredential,
  isError,
} from '@msc/core'
import type { RealtimeChannel, SupabaseClient } from '@supabase/supabase-js'
import type {
  OutgoingMessage,
  PresenceState,
  RealtimeDriver,
  SubscribeOptions,
  Subscription,
  SubscriptionHandlers,
} from '../driver.ts'
import { FEED } from '../feed/feed-topic.ts'
import { isFeedPage } from '../feed/page.ts'
import type { Sender } from './supabase-answers.ts'
import { onPage } from '../base/page.ts'

type Sdk = typeof import('@supabase/supabase-js')

export interface SupabaseOptions {
  /** `https://<project>.supabase.co`. */
  readonly url: string
  readonly anonKey: string
  /** On a server: publishes past the policies. Never give it to a browser. */
  readonly serviceRoleKey?: string | undefined
  /** Whether the project's database has the feeds of `feedMigration`, and so their history. Default true. */
  readonly feeds?: boolean | undefined
  readonly version?: '1.0.0' | '2.0.0' | undefined
  /** The SDK's module, where you load it yourself. */
  readonly sdk?: Pick<Sdk, 'createClient'> | undefined
}

/** Nobody says how many others there are: a thousand, say. */
const SPREAD_MS = 6000
/** For a heartbeat to be answered when there is reason to doubt. */
const DOUBT_MS = 5000

const load = lazyPeer(async () => {
  try {
    return await import('@supabase/supabase-js')
  } catch (cause) {
    throw peerMissing('realtime', '@supabase/supabase-js', cause)
  }
})

/**
 * Supabase Realtime through `@supabase/supabase-js` (an optional peer, loaded on first use). The engine rejoins: a
 * channel that the SDK reports lost is removed, and a new one takes its place.
 *
 * @throws ConfigError `SUPABASE_OPTION_MISSING` without url and key; `SUPABASE_KEY_INVALID` for a key that no header
 *   can carry; `ADDRESS_INVALID` for a `url` that is none of http or https.
 */
export function supabase(options: SupabaseOptions): RealtimeDriver {
  const { url, anonKey, serviceRoleKey, version = '2.0.0', feeds = true } = options
  if (!url || !anonKey) {
    throw new ConfigError(`[msc/realtime] [supabase] Missing option \`${url ? 'anonKey' : 'url'}\`.`, {
      code: 'SUPABASE_OPTION_MISSING',
      hint: 'Set NEXT_PUBLIC_SUPABASE_URL and NEXT_PUBLIC_SUPABASE_ANON_KEY.',
    })
  }
  for (const [name, key] of Object.entries({ anonKey, serviceRoleKey })) {
    if (key === undefined || isCredential(key)) continue
    throw new ConfigError(
      `[msc/realtime] [supabase] \`${name}\` is no key: no header can carry it, or it is in quotes.`,
      {
        code: 'SUPABASE_KEY_INVALID',
        hint: 'Copy the key anew: it has no spaces, line breaks or quotes.',
      },
    )
  }
  guardSignals()
  assertWebAddress(url, '[msc/realtime] [supabase]', 'NEXT_PUBLIC_SUPABASE_URL')
  const key = serviceRoleKey ?? anonKey
  let closed = false
  // By user: Realtime knows a user by the connection, and the SDK joins again with whatever token it has by then.
  const connections = new Map<string, Connection>()
  /** Of the user who joined last. */
  let latest: Connection | undefined

  /** Ends the connections of users who have gone. */
  const tidy = (): void => {
    for (const [user, connection] of connections) {
      if (connection === latest || connection.topics > 0) continue
      connections.delete(user)
      void disconnect(connection).catch(() => undefined)
    }
  }
  /** The connection of whom the token names; nobody's has the application's own key. */
  const connect = ({ token, user = token ?? '' }: SubscribeOptions): Connection => {
    if (closed) throw closedError('supabase')
    let connection = connections.get(user)
    if (!connection) connections.set(user, (connection = open()))
    connection.token = token
    latest = connection
    // Without the SDK there is none, and it may come later.
    latest.client.catch(() => connections.get(user) === connection && connections.delete(user))
    tidy()
    return connection
  }
  const open = (): Connection => {
    const ending = new AbortController()
    const connection: Connection = {
      token: undefined,
      topics: 0,
      ending,
      // Its timers and its socket outlive the request that needed them first.
      client: withoutScope(async () => {
        const { createClient } = options.sdk ?? (await load())
        const client = createClient(url, key, {
          auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
          // Read at each join and heartbeat, so that no stale token is sent after a sleep.
          accessToken: async () => connection.token ?? key,
          realtime: { vsn: version, disconnectOnEmptyChannelsAfterMs: 100 } as never,
        })
        const onDoubt = (): void => void doubt(client.realtime, ending.signal).catch(() => undefined)
        onPage(['online', 'offline', 'visibilitychange'], onDoubt, ending.signal)
        return client
      }),
    }
    return connection
  }

  const post = async (messages: readonly OutgoingMessage[], bearer: string, signal: AbortSignal): Promise<void> => {
    if (closed) throw closedError('supabase')
    const variable = serviceRoleKey ? 'SUPABASE_SERVICE_ROLE_KEY' : 'NEXT_PUBLIC_SUPABASE_ANON_KEY'
    const { postMessages } = await import('./supabase-rest.ts')
    await postMessages(messages, bearer, { url, key, variable, DriverError }, signal)
  }

  return {
    specificationVersion: 1,
    name: 'supabase',
    endpoint: url,
    backend: `${url} ${anonKey}`,
    variables: ['NEXT_PUBLIC_SUPABASE_URL', 'NEXT_PUBLIC_SUPABASE_ANON_KEY', 'SUPABASE_SERVICE_ROLE_KEY'],
    async subscribe(topic, subscribeOptions, handlers, signal) {
      const connection = connect(subscribeOptions)
      connection.topics += 1
      let isOver = false
      const release = (): void => {
        if (!isOver) connection.topics -= 1
        isOver = true
      }
      try {
        const client = await connection.client
        await client.realtime.setAuth()
        signal.throwIfAborted()
        const joined = await joinChannel(client, topic, { ...subscribeOptions, version, feeds }, handlers, signal)
        return {
          ...joined,
          setToken(next) {
            connection.token = next
            void client.realtime.setAuth().catch(() => undefined)
          },
          leave() {
            release()
            return joined.leave().finally(tidy)
          },
        }
      } catch (error) {
        release()
        tidy()
        throw error
      }
    },
    async publish(messages, signal) {
      // As the user whose topics are joined; of one who has gone the token is used no more.
      const user = latest && latest.topics > 0 ? latest.token : undefined
      await post(messages, user ?? key, signal)
    },
    async health(signal) {
      // A publication of nothing: it goes the way of messages, with the key, and is heard by nobody.
      // That there is nothing in it may be refused: by then the key was accepted.
      await post([], key, signal)
    },
    async close() {
      closed = true
      await Promise.all([...connections.values()].map(disconnect))
    },
  }
}

/** What one user has: a client of the SDK, and so a socket. */
interface Connection {
  token: string | undefined
  /** That are joined, or being joined. */
  topics: number
  readonly client: Promise<SupabaseClient>
  readonly ending: AbortController
}

async function disconnect({ client, ending }: Connection): Promise<void> {
  ending.abort()
  const { realtime } = await client
  await (await client).removeAllChannels()
  await realtime.disconnect()
}

/**
 * The SDK asks every 25 s whether the connection lives, which is late after a sleep: a page that wakes, or whose network
 * has changed, asks at once. A second heartbeat without an answer to the first makes the SDK give the connection up.
 */
async function doubt(realtime: SupabaseClient['realtime'], signal: AbortSignal): Promise<void> {
  if (!realtime.isConnected()) return
  if (!realtime.pendingHeartbeatRef) await realtime.sendHeartbeat()
  const pending = realtime.pendingHeartbeatRef
  await sleep(DOUBT_MS, { signal })
  if (pending && realtime.pendingHeartbeatRef === pending) await realtime.sendHeartbeat()
}

/** Joins a channel of the SDK's, and resolves when the server has said that it is live. */
async function joinChannel(
  client: SupabaseClient,
  topic: string,
  options: SubscribeOptions & Required<Pick<SupabaseOptions, 'version' | 'feeds'>>,
  handlers: SubscriptionHandlers,
  signal: AbortSignal,
): Promise<Omit<Subscription, 'setToken'>> {
  const { presenceKey } = options
  const channel = client.channel(topic, {
    config: {
      private: options.private,
      broadcast: { ack: true, self: options.self },
      ...(presenceKey !== undefined && { presence: { key: presenceKey, enabled: true } }),
    },
  })
  channel.on('broadcast', { event: '*' }, ({ event, payload = {} }: { event: string; payload?: unknown }) => {
    handlers.onMessage(event, payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload)
  })
  if (presenceKey !== undefined) {
    channel.on('presence', { event: 'sync' }, () => handlers.onPresence(presenceOf(channel)))
  }

  let over = false
  await new Promise<void>((resolve, reject) => {
    let live = false
    const onAbort = (): void => fail(signal.reason as Error)
    const fail = (reason: Error): void => {
      signal.removeEventListener('abort', onAbort)
      if (over) return
      over = true
      // Not from within its own callback: removing fires it again.
      queueMicrotask(() => void client.removeChannel(channel).catch(() => undefined))
      if (live) handlers.onDown(reason, SPREAD_MS)
      else reject(reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    channel.subscribe((status, error) => {
      if (over) return
      if (status === 'SUBSCRIBED') {
        live = true
        signal.removeEventListener('abort', onAbort)
        resolve()
      } else {
        fail(
          new DriverError('supabase', error?.message ?? `The channel is ${status.toLowerCase()}.`, {
            retryable: true,
            code: !live && isRefusal(status, error) ? 'REALTIME_REFUSED' : 'DRIVER_FAILED',
          }),
        )
      }
    })
  })

  let sending: Promise<Sender> | undefined
  /** A page that only hears does not need it. */
  const sender = (): Promise<Sender> => {
    sending ??= import('./supabase-answers.ts').then((code) => code.createSender(channel, { DriverError, systemClock }))
    sending.catch(() => (sending = undefined))
    return sending
  }
  return {
    send: async (event, payload) => (await sender()).send({ type: 'broadcast', event, payload }),
    // Version 1 of the protocol has no bytes. The SDK knows them by their class.
    ...(options.version === '2.0.0' && {
      async sendBytes(event: string, payload: Uint8Array) {
        // As they are now, whatever becomes of them.
        const bytes = payload.slice().buffer
        await (await sender()).send({ type: 'broadcast', event, payload: bytes })
      },
    }),
    track: async (payload) => (await sender()).sendPaced({ type: 'presence', event: 'track', payload }),
    untrack: async () => (await sender()).sendPaced({ type: 'presence', event: 'untrack' }),
    async since(after, sinceSignal) {
      // Of channels the project keeps nothing that could be read so.
      if (!options.feeds || !topic.startsWith(FEED)) return undefined
      const { readSince } = await import('./supabase-rest.ts')
      return readSince(client, topic, after, { DriverError, isFeedPage }, sinceSignal)
    },
    async leave() {
      void sending?.then(({ close }) => close()).catch(() => undefined)
      over = true
      await client.removeChannel(channel)
    },
  }
}

/** Did the server say no? By the same status the SDK reports what it has lost: in words of its own, or with what is no error. */
const isRefusal = (status: string, error: unknown): boolean =>
  status === 'CHANNEL_ERROR' && isError(error) && !/^(?:socket closed|channel error)\b/.test(error.message)

/**
 * The driver that NEXT_PUBLIC_SUPABASE_URL, NEXT_PUBLIC_SUPABASE_ANON_KEY and, on servers, SUPABASE_SERVICE_ROLE_KEY
 * describe, or `undefined` without the first two.
 *
 * @throws ConfigError `CONFIG_HALF_SET` naming the one that is missing, `ADDRESS_INVALID`.
 */
export function supabaseFromEnv(env: Env = processEnv()): RealtimeDriver | undefined {
  const found = readEnvGroup(
    env,
    'realtime',
    ['NEXT_PUBLIC_SUPABASE_URL', 'NEXT_PUBLIC_SUPABASE_ANON_KEY'],
    ['SUPABASE_SERVICE_ROLE_KEY'],
  )
  const serviceRoleKey = readEnv(env, 'SUPABASE_SERVICE_ROLE_KEY')
  return (
    found &&
    supabase({
      url: found.NEXT_PUBLIC_SUPABASE_URL,
      anonKey: found.NEXT_PUBLIC_SUPABASE_ANON_KEY,
      ...(serviceRoleKey && { serviceRoleKey }),
    })
  )
}

function presenceOf(channel: RealtimeChannel): PresenceState {
  const entries = Object.entries(channel.presenceState()).map(([key, metas]) => [
    key,
    metas.map(({ presence_ref: _ref, ...meta }) => meta as Record<string, unknown>),
  ])
  return Object.fromEntries(entries) as PresenceState
}
