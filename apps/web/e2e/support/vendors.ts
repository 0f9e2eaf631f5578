import { randomBytes } from 'node:crypto'
import { startPostHogServer, type PostHogServer } from '@msc/analytics/testing'
import { startRedis, startUpstashServer, type RunningRedis } from '@msc/cache/testing'
import { startInngestServer, type InngestServer } from '@msc/jobs/testing'
import { startSentryServer, type SentryServer } from '@msc/monitoring/testing'
import { startRealtimeServer, type StandaloneServer } from '@msc/realtime/server'
import { signTestToken } from '@msc/realtime/testing'

/** Servers on loopback that speak the vendors' protocols, and the variables that point the app at them. */
export interface Vendors {
  readonly env: Readonly<Record<string, string>>
  readonly cronSecret: string
  readonly sentry: SentryServer
  readonly posthog: PostHogServer
  readonly inngest: InngestServer
  readonly realtime: StandaloneServer
  readonly redis: RunningRedis
  close(): Promise<void>
}

export async function startVendors(): Promise<Vendors> {
  const secret = randomBytes(32).toString('hex')
  const token = randomBytes(16).toString('hex')
  const cronSecret = randomBytes(16).toString('hex')
  const signingKey = `signkey-test-${randomBytes(32).toString('hex')}`
  const eventKey = randomBytes(16).toString('hex')
  const posthogKey = `phc_${randomBytes(16).toString('hex')}`

  const redis = await startRedis()
  const upstash = await startUpstashServer({ redis, token })
  const sentry = await startSentryServer()
  const posthog = await startPostHogServer({ key: posthogKey })
  const inngest = await startInngestServer({ eventKey, signingKey })
  const realtime = await startRealtimeServer({
    jwtSecret: secret,
    // Like the policies on realtime.messages: only the owner may join a feed.
    authorize: ({ claims, topic, action }) =>
      claims.role === 'service_role' || (action === 'read' && topic.split(':')[2] === claims.sub),
  })
  return {
    cronSecret,
    sentry,
    posthog,
    inngest,
    realtime,
    redis,
    env: {
      NEXT_PUBLIC_SENTRY_DSN: sentry.dsn,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: token,
      NEXT_PUBLIC_POSTHOG_KEY: posthogKey,
      NEXT_PUBLIC_POSTHOG_HOST: posthog.url,
      INNGEST_EVENT_KEY: eventKey,
      INNGEST_SIGNING_KEY: signingKey,
      INNGEST_BASE_URL: inngest.url,
      NEXT_PUBLIC_SUPABASE_URL: realtime.url,
      NEXT_PUBLIC_SUPABASE_ANON_KEY: await signTestToken(secret, { role: 'anon' }),
      SUPABASE_SERVICE_ROLE_KEY: await signTestToken(secret, { role: 'service_role' }),
      SUPABASE_JWT_SECRET: secret,
      CRON_SECRET: cronSecret,
      MSC_CRON_DRIVER: 'vercel',
    },
    async close() {
      await Promise.all([upstash.close(), sentry.close(), posthog.close(), inngest.close(), realtime.close()])
      await redis.close()
    },
  }
}
