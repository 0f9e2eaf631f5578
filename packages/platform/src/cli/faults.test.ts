import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startRedis, startUpstashServer } from '@msc/cache/testing'
import { startPostgres } from '@msc/core/testing/postgres'
import { startInngestServer } from '@msc/jobs/testing'
import { startSentryServer } from '@msc/monitoring/testing'
import { startRealtimeServer } from '@msc/realtime/server'
import { signTestToken } from '@msc/realtime/testing'
import { startPostHogServer } from '@msc/analytics/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// Compiled before they are asked: what their health has of time is the backend's.
import '@msc/analytics/posthog'
import '@msc/cache/redis'
import '@msc/cache/upstash'
import '@msc/jobs/embedded'
import '@msc/jobs/inngest'
import '@msc/jobs/stores/postgres'
import '@msc/monitoring/sentry'
import { doctor } from './doctor.ts'

interface Finding {
  readonly concern: string
  readonly driver: string
  readonly status: string
  readonly detail?: string
  readonly hint?: string
  readonly code?: string
}
type Env = Readonly<Record<string, string>>

// Upstash is Redis behind HTTP.
const noRedis = Boolean(process.env['MSC_SKIP_REDIS'])
const noPostgres = Boolean(process.env['MSC_SKIP_POSTGRES'])

const SECRET = 'a-secret-that-must-not-be-shown'

async function findingOf(concern: string, env: Env): Promise<Finding> {
  let text = ''
  await doctor({ json: true, timeoutMs: 1500, env: { NODE_ENV: 'test', ...env }, write: (part) => (text += part) })
  expect(text).not.toContain(SECRET)
  const { services } = JSON.parse(text) as { services: Finding[] }
  return services.find((each) => each.concern === concern) as Finding
}

/** Something that takes every request and answers it alike: with a page, of this status, or not at all. */
async function startImpostor(answer: number | 'silent'): Promise<{ url: string; server: Server }> {
  const server = createServer((_request, response) => {
    if (answer === 'silent') return
    response
      .writeHead(answer, { 'content-type': 'text/html' })
      .end('<!doctype html><title>Sign in to the network</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})
const vendors = {
  sentry: (url: string): Env => ({ NEXT_PUBLIC_SENTRY_DSN: `${url.replace('//', `//${SECRET}@`)}/1` }),
  posthog: (url: string): Env => ({ NEXT_PUBLIC_POSTHOG_KEY: SECRET, NEXT_PUBLIC_POSTHOG_HOST: url }),
  upstash: (url: string): Env => ({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: SECRET }),
  inngest: (url: string): Env => ({
    INNGEST_EVENT_KEY: SECRET,
    INNGEST_SIGNING_KEY: 'signkey-test-0123456789abcdef',
    INNGEST_BASE_URL: url,
  }),
  supabase: (url: string): Env => ({ NEXT_PUBLIC_SUPABASE_URL: url, NEXT_PUBLIC_SUPABASE_ANON_KEY: SECRET }),
}
const concernOf = {
  sentry: 'monitoring',
  posthog: 'analytics',
  upstash: 'cache',
  inngest: 'jobs',
  supabase: 'realtime',
} as const
const addressOf = {
  sentry: 'NEXT_PUBLIC_SENTRY_DSN',
  posthog: 'NEXT_PUBLIC_POSTHOG_HOST',
  upstash: 'UPSTASH_REDIS_REST_URL',
  inngest: 'INNGEST_BASE_URL',
  supabase: 'NEXT_PUBLIC_SUPABASE_URL',
} as const
const keyOf = {
  sentry: 'NEXT_PUBLIC_SENTRY_DSN',
  posthog: 'NEXT_PUBLIC_POSTHOG_KEY',
  upstash: 'UPSTASH_REDIS_REST_TOKEN',
  inngest: 'INNGEST_EVENT_KEY',
  supabase: 'NEXT_PUBLIC_SUPABASE_ANON_KEY',
} as const
const names = Object.keys(vendors) as (keyof typeof vendors)[]

describe('a vendor that is something else', () => {
  let html: string
  let blocked: string
  let silent: string
  beforeAll(async () => {
    const [page, wall, mute] = [await startImpostor(200), await startImpostor(403), await startImpostor('silent')]
    closing.push(
      () => page.server.close(),
      () => wall.server.close(),
      () => (mute.server.closeAllConnections(), mute.server.close()),
    )
    html = page.url
    blocked = wall.url
    silent = mute.url
  })

  it.each(names)('%s: a page of HTML is not taken for it, and the address is named', async (vendor) => {
    expect(await findingOf(concernOf[vendor], vendors[vendor](html))).toMatchObject({
      status: 'down',
      code: 'DRIVER_NOT_THE_BACKEND',
      hint: expect.stringContaining(addressOf[vendor]),
    })
  })

  it.each(names)('%s: a firewall that answers 403 with a page is not taken for a wrong key', async (vendor) => {
    expect(await findingOf(concernOf[vendor], vendors[vendor](blocked))).toMatchObject({
      status: 'down',
      code: 'DRIVER_NOT_THE_BACKEND',
      hint: expect.stringContaining(addressOf[vendor]),
    })
  })

  it('Redis and Postgres: a web server is not taken for them, and the address is named', async () => {
    const { host } = new URL(html)
    expect(await findingOf('cache', { REDIS_URL: `redis://${host}` })).toMatchObject({
      status: 'down',
      code: 'DRIVER_NOT_THE_BACKEND',
      hint: expect.stringContaining('REDIS_URL'),
    })
    expect(await findingOf('jobs', { DATABASE_URL: `postgres://${host}/app` })).toMatchObject({
      status: 'down',
      hint: expect.stringContaining('DATABASE_URL'),
    })
  })

  it.each(names)('%s: a port where nobody listens is named', async (vendor) => {
    const { url, server } = await startImpostor(200)
    await new Promise((resolve) => server.close(resolve))
    expect(await findingOf(concernOf[vendor], vendors[vendor](url))).toMatchObject({
      status: 'down',
      hint: expect.stringContaining(addressOf[vendor].replace('_HOST', '')),
    })
  })

  it.each(names)('%s: silence is named, with where and which variable', async (vendor) => {
    const found = await findingOf(concernOf[vendor], vendors[vendor](silent))
    expect(found).toMatchObject({ status: 'down', code: 'DEADLINE_EXCEEDED' })
    expect(found.detail).toContain(new URL(silent).host)
    expect(found.hint).toContain(addressOf[vendor].replace('_HOST', ''))
  })
})

describe.skipIf(noRedis)('a vendor that does not know our key', () => {
  const urls = {} as Record<keyof typeof vendors, string>
  beforeAll(async () => {
    const sentry = await startSentryServer()
    const posthog = await startPostHogServer({ key: 'another-key' })
    const redis = await startRedis()
    const upstash = await startUpstashServer({ redis, token: 'another-token' })
    const inngest = await startInngestServer({ eventKey: 'another-key', signingKey: 'signkey-test-fedcba9876543210' })
    const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
    const realtime = await startRealtimeServer({ jwtSecret, authorize: () => true })
    closing.push(sentry.close, posthog.close, redis.close, upstash.close, inngest.close, realtime.close)
    Object.assign(urls, {
      sentry: sentry.url,
      posthog: posthog.url,
      upstash: upstash.url,
      inngest: inngest.url,
      supabase: realtime.url.replace(/\/realtime\/v1.*$/, ''),
    })
    // The key that it does know is taken.
    const anonKey = await signTestToken(jwtSecret, { role: 'anon' }, 3600)
    const right = await findingOf('realtime', {
      NEXT_PUBLIC_SUPABASE_URL: urls.supabase,
      NEXT_PUBLIC_SUPABASE_ANON_KEY: anonKey,
    })
    expect(right).toMatchObject({ driver: 'supabase', status: 'ready' })
  })

  it.each(names)('%s: the key is named', async (vendor) => {
    expect(await findingOf(concernOf[vendor], vendors[vendor](urls[vendor]))).toMatchObject({
      status: 'down',
      code: 'DRIVER_UNAUTHORIZED',
      hint: expect.stringContaining(keyOf[vendor]),
    })
  })
})

describe('a server of ours', () => {
  it.skipIf(noRedis)('Redis: a wrong password is named as that, a right one is taken', async () => {
    const redis = await startRedis({ password: 'right' })
    closing.push(redis.close)
    const with_ = (password: string): Env => ({ REDIS_URL: `redis://:${password}@127.0.0.1:${redis.port}` })
    expect(await findingOf('cache', with_('right'))).toMatchObject({ status: 'ready' })
    for (const wrong of [with_(SECRET), { REDIS_URL: `redis://127.0.0.1:${redis.port}` }]) {
      expect(await findingOf('cache', wrong)).toMatchObject({
        status: 'down',
        code: 'DRIVER_UNAUTHORIZED',
        hint: 'Check the user and password in REDIS_URL.',
      })
    }
  })

  it.skipIf(noPostgres)(
    'Postgres: a wrong password, a missing database and an address that is none are told apart',
    async () => {
      const postgres = await startPostgres({ password: 'right' })
      closing.push(postgres.close)
      const { url } = postgres
      expect(await findingOf('jobs', { DATABASE_URL: url })).toMatchObject({ status: 'ready' })
      expect(await findingOf('jobs', { DATABASE_URL: url.replace('right', SECRET) })).toMatchObject({
        status: 'down',
        code: 'DRIVER_UNAUTHORIZED',
        hint: 'Check the user and password in DATABASE_URL.',
      })
      expect(await findingOf('jobs', { DATABASE_URL: url.replace(/postgres$/, 'nowhere') })).toMatchObject({
        status: 'down',
        hint: 'Check the name of the database in DATABASE_URL.',
      })
      expect(await findingOf('jobs', { DATABASE_URL: 'foo' })).toMatchObject({
        status: 'down',
        hint: expect.stringContaining('postgres://'),
      })
    },
  )

  it('nobody there: says so, and which variable to look at', async () => {
    const { url, server } = await startImpostor(200)
    await new Promise((resolve) => server.close(resolve))
    const { host } = new URL(url)
    expect(await findingOf('cache', { REDIS_URL: `redis://${host}` })).toMatchObject({
      status: 'down',
      hint: expect.stringContaining('REDIS_URL'),
    })
    expect(await findingOf('jobs', { DATABASE_URL: `postgres://${host}/app` })).toMatchObject({
      status: 'down',
      hint: expect.stringContaining('DATABASE_URL'),
    })
  })
})
