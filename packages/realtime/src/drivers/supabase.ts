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
  withoutScope,
  type Env,
  guardSignals,
  closedError,
  isCredential,
} from '@msc/core'
import type { RealtimeChannel, SupabaseClient } from '@supabase/supabase-js'
import type { OutgoingMessage, PresenceState, RealtimeDriver } from '../driver.ts'
import { isFeedPage } from '../feed/page.ts'
import { createPace } from './pace.ts'
import { onPage } from '../base/page.ts'

type Sdk = typeof import('@supabase/supabase-js')

export interface SupabaseOptions {
  /** `https://<project>.supabase.co`. */
  readonly url: string
  readonly anonKey: string
  /** On a server: publishes past the policies. Never give it to a browser. */
  readonly serviceRoleKey?: string
  /** Whether the project's database has the feeds of `feedMigration`, and so their history. Default true. */
  readonly feeds?: boolean
  readonly version?: '1.0.0' | '2.0.0'
  /** The SDK's module, where you load it yourself. */
  readonly sdk?: Pick<Sdk, 'createClient'>
}

/** Nobody says how many others there are: a thousand, say. */
const SPREAD_MS = 6000
/** Supabase takes five changes of presence in 30 s from a client, and shuts the channel for the sixth. */
const MOST_PRESENCE = 5
/** A second more, for those that travel at different speeds. */
const PRESENCE_WINDOW_MS = 31_000
/** For a heartbeat to be answered when there is reason to doubt. */
const DOUBT_MS = 5000

/**
 * Realtime's one success, since there is this endpoint: `send_resp(conn, :accepted, "")`. Kong, in front of a self-hosted
 * one, hands it on. Its body is not looked at.
 *
 * Source: https://github.com/supabase/realtime, `lib/realtime_web/controllers/broadcast_controller.ex` at 06295bf.
 */
const TAKEN = 202

/**
 * Realtime's refusal of a batch without a message, which it reads after the key: 422 with what is wrong under `errors`, by
 * field. Later versions may take such a batch; a server of ours does.
 *
 * Source: `fallback_controller.ex` at 1395650 and `ChangesetView` of the same repository.
 */
function isRefusalOfNothing(status: number, said: unknown): boolean {
  const { errors } = Object(said) as Readonly<Record<string, unknown>>
  return status === 422 && typeof errors === 'object' && errors !== null
}

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
  let connected: Promise<SupabaseClient> | undefined
  let token: string | undefined
  let closed = false
  const closing = new AbortController()

  /**
   * The SDK asks every 25 s whether the connection lives, which is late after a sleep: a page that wakes, or whose network
   * has changed, asks at once. A second heartbeat without an answer to the first makes the SDK give the connection up.
   */
  const doubt = async (): Promise<void> => {
    const { realtime } = (await connected) ?? {}
    if (!realtime?.isConnected()) return
    if (!realtime.pendingHeartbeatRef) await realtime.sendHeartbeat()
    const pending = realtime.pendingHeartbeatRef
    await sleep(DOUBT_MS, { signal: closing.signal })
    if (pending && realtime.pendingHeartbeatRef === pending) await realtime.sendHeartbeat()
  }
  const connect = (): Promise<SupabaseClient> => {
    if (closed) throw closedError('supabase')
    // Its timers and its socket outlive the request that needed them first.
    return (connected ??= withoutScope(async () => {
      const { createClient } = options.sdk ?? (await load())
      onPage(['online', 'offline', 'visibilitychange'], () => void doubt().catch(() => undefined), closing.signal)
      return createClient(url, serviceRoleKey ?? anonKey, {
        auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
        // Read at each join and heartbeat, so that no stale token is sent after a sleep.
        accessToken: async () => token ?? serviceRoleKey ?? anonKey,
        realtime: { vsn: version, disconnectOnEmptyChannelsAfterMs: 100 } as never,
      })
    }))
  }

  const key = serviceRoleKey ?? anonKey
  /** The SDK's own call keeps the status to itself, and nobody could tell a refusal from an outage by its words. */
  const post = async (messages: readonly OutgoingMessage[], bearer: string, signal: AbortSignal): Promise<void> => {
    if (closed) throw closedError('supabase')
    // Loaded before there is an answer, whose reading must not wait for it.
    const { judgeAnswer, notTheBackend, readAnswer, parseContent } = await import('@msc/core/http-answer')
    const unreachable = (cause: unknown): never => {
      signal.throwIfAborted()
      throw new DriverError('supabase', `${new URL(url).host} can not be reached.`, {
        code: 'DRIVER_UNREACHABLE',
        retryable: true,
        hint: 'Check NEXT_PUBLIC_SUPABASE_URL, and that it can be reached from this machine.',
        cause,
      })
    }
    const response = await fetch(`${url.replace(/\/$/, '')}/realtime/v1/api/broadcast`, {
      method: 'POST',
      signal,
      redirect: 'manual',
      headers: { apikey: key, authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages }),
    }).catch(unreachable)
    const answer = await readAnswer(response, signal).catch(unreachable)
    const options = {
      credentials: `Check ${serviceRoleKey ? 'SUPABASE_SERVICE_ROLE_KEY' : 'NEXT_PUBLIC_SUPABASE_ANON_KEY'}: the project does not know it.`,
      address: 'Check NEXT_PUBLIC_SUPABASE_URL.',
      expects: (_said: unknown, status: number) => status === TAKEN,
    }
    let problem = judgeAnswer(answer, options)
    if (messages.length === 0 && problem?.code === 'DRIVER_REFUSED') {
      const isRealtime = isRefusalOfNothing(answer.status, parseContent(answer.content))
      problem = isRealtime ? undefined : notTheBackend(answer, options)
    }
    if (problem) throw new DriverError('supabase', problem.message, problem)
  }

  return {
    specificationVersion: 1,
    name: 'supabase',
    endpoint: url,
    variables: ['NEXT_PUBLIC_SUPABASE_URL', 'NEXT_PUBLIC_SUPABASE_ANON_KEY', 'SUPABASE_SERVICE_ROLE_KEY'],
    async subscribe(topic, subscribeOptions, handlers, signal) {
      const client = await connect()
      token = subscribeOptions.token ?? token
      await client.realtime.setAuth()
      signal.throwIfAborted()
      const { presenceKey } = subscribeOptions
      const channel = client.channel(topic, {
        config: {
          private: subscribeOptions.private,
          broadcast: { ack: true, self: subscribeOptions.self },
          ...(presenceKey !== undefined && { presence: { key: presenceKey, enabled: true } }),
        },
      })
      channel.on('broadcast', { event: '*' }, (message) => {
        handlers.onMessage(message.event, (message['payload'] ?? {}) as Record<string, unknown>)
      })
      if (presenceKey !== undefined) {
        channel.on('presence', { event: 'sync' }, () => handlers.onPresence(presenceOf(channel)))
      }

      let over = false
      const remove = async (): Promise<void> => {
        over = true
        await client.removeChannel(channel)
      }
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
                code: live ? 'DRIVER_FAILED' : 'REALTIME_REFUSED',
              }),
            )
          }
        })
      })

      const pace = createPace(MOST_PRESENCE, PRESENCE_WINDOW_MS)
      const sent = (answer: string): void => {
        if (answer !== 'ok')
          throw new DriverError('supabase', `The message was not taken: ${answer}.`, { retryable: true })
      }
      return {
        send: async (event, payload) => sent(await channel.send({ type: 'broadcast', event, payload })),
        track: (state) => pace.run(async () => sent(await channel.track(state))),
        untrack: () => pace.run(async () => sent(await channel.untrack())),
        async since(after, sinceSignal) {
          if (!feeds) return undefined
          const call = client.rpc('msc_feed_since', { topic, after: after ?? null, max: 500 })
          const { data, error, status } = await call.abortSignal(sinceSignal)
          // The database has no such function: the feed's migration was not applied.
          if (status === 404) return undefined
          if (error) {
            const refused = error.code === '42501'
            throw new DriverError('supabase', `The feed can not be read: ${error.message}`, {
              retryable: !refused,
              ...(refused && { code: 'REALTIME_REFUSED' }),
            })
          }
          if (!isFeedPage(data)) throw new DriverError('supabase', 'The project answered with something else.')
          return data
        },
        setToken(next) {
          token = next
          void client.realtime.setAuth().catch(() => undefined)
        },
        leave() {
          pace.close()
          return remove()
        },
      }
    },
    async publish(messages, signal) {
      await post(messages, token ?? key, signal)
    },
    async health(signal) {
      // A publication of nothing: it goes the way of messages, with the key, and is heard by nobody.
      // That there is nothing in it may be refused: by then the key was accepted.
      await post([], key, signal)
    },
    async close() {
      closed = true
      closing.abort()
      const client = await connected
      await client?.removeAllChannels()
      await client?.realtime.disconnect()
    },
  }
}

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
