import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis, startUpstashServer } from '@msc/cache/testing'
import { freePort } from '@msc/core/testing'
import { startPostgres, startTransactionPooler } from '@msc/core/testing/postgres'
import { startInngestServer } from '@msc/jobs/testing'
import { startSentryServer } from '@msc/monitoring/testing'
import { startRealtimeServer } from '@msc/realtime/server'
import { signTestToken } from '@msc/realtime/testing'
import { startPostHogServer } from '@msc/analytics/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { administer } from '../database/__fixtures__/databases.ts'
import { installAlone, type Installation } from './__fixtures__/install.ts'
import { doctor } from './doctor.ts'
import type { Finding } from './finding.ts'

type Env = Readonly<Record<string, string>>

// The Upstash tests need Redis too: the local Upstash server is Redis behind HTTP.
const noRedis = Boolean(process.env['MSC_SKIP_REDIS'])
const noPostgres = Boolean(process.env['MSC_SKIP_POSTGRES'])

const SECRET = 'a-secret-that-must-not-be-shown'
const ANOTHER_KEY = 'another-key-that-they-know-0123'
const JWT_SECRET = 'a-secret-for-tests-that-is-long-enough-0123'

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})

/** An empty application folder. */
const folder = mkdtempSync(join(tmpdir(), 'msc-doctor-'))
closing.push(() => rmSync(folder, { recursive: true }))

/** Timeout for a silent server, in milliseconds. All others get as long as a busy machine needs. */
const SILENT_MS = 1000

async function examined(
  env: Env,
  { timeoutMs = 15_000, nodeVersion = process.version } = {},
): Promise<readonly Finding[]> {
  const texts: string[] = []
  const write = (text: string): void => void texts.push(text)
  const options = { timeoutMs, env: { NODE_ENV: 'test', ...env }, folder, nodeVersion, write }
  const diagnosis = await doctor({ ...options, json: true })
  await diagnosis.close()
  return findingsOf(texts.join(''))
}

function findingsOf(json: string): readonly Finding[] {
  expect(json).not.toContain(SECRET)
  return (JSON.parse(json) as { findings: Finding[] }).findings
}

async function findingOf(check: string, env: Env, timeoutMs?: number): Promise<Finding> {
  return (await examined(env, timeoutMs === undefined ? {} : { timeoutMs })).find(
    (each) => each.check === check,
  ) as Finding
}

/** Starts a server that answers every request alike: with a page and this status, or not at all. */
async function startImpostor(answer: number | 'silent'): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((_request, response) => {
    if (answer === 'silent') return
    response
      .writeHead(answer, { 'content-type': 'text/html' })
      .end('<!doctype html><title>Sign in to the network</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => (server.closeAllConnections(), server.close()))
  const close = (): void => void server.close()
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** The variables that choose each vendor, with a key that its server does not know. */
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
type Vendor = keyof typeof vendors
const names = Object.keys(vendors) as Vendor[]
const concernOf: Readonly<Record<Vendor, string>> = {
  sentry: 'monitoring',
  posthog: 'analytics',
  upstash: 'cache',
  inngest: 'jobs',
  supabase: 'realtime',
}
const addressOf: Readonly<Record<Vendor, string>> = {
  sentry: 'NEXT_PUBLIC_SENTRY_DSN',
  posthog: 'NEXT_PUBLIC_POSTHOG_HOST',
  upstash: 'UPSTASH_REDIS_REST_URL',
  inngest: 'INNGEST_BASE_URL',
  supabase: 'NEXT_PUBLIC_SUPABASE_URL',
}

/** Servers that expect a different key, and endpoints that are not the vendor's. */
interface World {
  readonly urls: Readonly<Record<Exclude<Vendor, 'upstash'>, string>>
  readonly page: string
  readonly wall: string
  readonly mute: string
  /** The host and a port on which nothing listens. */
  readonly nobody: string
}

let world: World
let alone: Installation
beforeAll(async () => {
  const sentry = await startSentryServer()
  sentry.behaviour = 'unauthorized'
  const posthog = await startPostHogServer({ key: ANOTHER_KEY })
  const inngest = await startInngestServer({ eventKey: ANOTHER_KEY, signingKey: 'signkey-test-fedcba9876543210' })
  const realtime = await startRealtimeServer({ jwtSecret: JWT_SECRET, authorize: () => true })
  closing.push(sentry.close, posthog.close, inngest.close, realtime.close)
  const [page, wall, mute] = [await startImpostor(200), await startImpostor(403), await startImpostor('silent')]
  world = {
    urls: {
      sentry: sentry.url,
      posthog: posthog.url,
      inngest: inngest.url,
      supabase: realtime.url.replace(/\/realtime\/v1.*$/, ''),
    },
    page: page.url,
    wall: wall.url,
    mute: mute.url,
    nobody: `127.0.0.1:${await freePort()}`,
  }
  alone = installAlone()
  closing.push(alone.remove)
})

interface Fault {
  readonly name: string
  /** The check of the finding. */
  readonly check: string
  readonly env: () => Env | Promise<Env>
  readonly code: string
  /** What is wrong, in words that somebody who installed it yesterday understands. */
  readonly detail: RegExp
  /** The variable to set or the command to run. */
  readonly hint: RegExp
  readonly status?: Finding['status']
  readonly skip?: boolean
  readonly options?: Parameters<typeof examined>[1]
  /** True when no package is installed that a driver loads. */
  readonly isAlone?: true
  /** True when every concern is wrong, each with its own finding. */
  readonly everywhere?: true
  /** The check of another concern that uses the same backend, and finds the same. */
  readonly also?: string
}

const halfSet = (name: string, check: string, set: string, missing: string): Fault => ({
  name: `half-set ${name}`,
  check,
  env: () => ({ [set]: set.endsWith('URL') ? 'https://vendor.example' : SECRET }),
  code: 'CONFIG_HALF_SET',
  detail: new RegExp(`${set} is set but ${missing} is not`),
  hint: new RegExp(`^Set ${missing} too, or remove ${set}`),
})
const page = (vendor: Vendor): Fault => ({
  name: `a page of HTML in the place of ${vendor}`,
  check: concernOf[vendor],
  env: () => vendors[vendor](world.page),
  code: 'DRIVER_NOT_THE_BACKEND',
  detail: /An HTML page with status \d+ came in place of the backend/,
  hint: new RegExp(`Check .*${addressOf[vendor]}.*sign-in page`),
})

const FAULTS: readonly Fault[] = [
  halfSet('Upstash', 'cache', 'UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'),
  halfSet('Inngest', 'jobs', 'INNGEST_EVENT_KEY', 'INNGEST_SIGNING_KEY'),
  halfSet('Supabase', 'realtime', 'NEXT_PUBLIC_SUPABASE_URL', 'NEXT_PUBLIC_SUPABASE_ANON_KEY'),
  {
    name: 'Vercel without CRON_SECRET',
    check: 'cron',
    env: () => ({ VERCEL: '1' }),
    code: 'CONFIG_HALF_SET',
    detail: /VERCEL is set but CRON_SECRET is not/,
    hint: /Set CRON_SECRET/,
  },
  {
    name: 'a secret with a line break',
    check: 'cron',
    env: () => ({ VERCEL: '1', CRON_SECRET: `${SECRET}\n` }),
    code: 'CRON_SECRET_INVALID',
    detail: /CRON_SECRET .* begins or ends with white space/,
    hint: /Set CRON_SECRET .*without white space or a line break/,
  },
  {
    name: 'a misspelt driver',
    check: 'cron',
    env: () => ({ MSC_CRON_DRIVER: 'vercl' }),
    code: 'CRON_DRIVER_UNKNOWN',
    detail: /MSC_CRON_DRIVER=vercl is not a driver/,
    hint: /MSC_CRON_DRIVER to `local` or `vercel`/,
  },
  {
    name: 'a REDIS_URL that is not a URL',
    check: 'cache',
    env: () => ({ REDIS_URL: SECRET }),
    code: 'REDIS_URL_INVALID',
    detail: /REDIS_URL is not an address/,
    hint: /Set REDIS_URL to redis:\/\/host:port/,
  },
  {
    name: 'an invalid DSN',
    check: 'monitoring',
    env: () => ({ NEXT_PUBLIC_SENTRY_DSN: SECRET }),
    code: 'SENTRY_DSN_INVALID',
    detail: /The DSN is not valid/,
    hint: /Set NEXT_PUBLIC_SENTRY_DSN to https:\/\/<key>@<host>\/<project>/,
  },
  {
    name: 'production with nothing set',
    check: 'jobs',
    env: () => ({ NODE_ENV: 'production' }),
    code: 'EMBEDDED_IN_PRODUCTION',
    detail: /Production \(NODE_ENV=production\) has no backend configured/,
    hint: /Set INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY or DATABASE_URL\..* MSC_ALLOW_EMBEDDED=jobs, or 1/,
    everywhere: true,
  },
  {
    name: 'ioredis is missing',
    check: 'cache',
    env: () => ({ REDIS_URL: `redis://:${SECRET}@${world.nobody}` }),
    code: 'PEER_MISSING',
    detail: /package ioredis/,
    hint: /npm install ioredis/,
    isAlone: true,
  },
  {
    name: 'pg is missing',
    check: 'jobs',
    also: 'database',
    env: () => ({ DATABASE_URL: `postgres://app:${SECRET}@${world.nobody}/app` }),
    code: 'PEER_MISSING',
    detail: /package pg/,
    hint: /npm install pg/,
    isAlone: true,
  },
  {
    name: 'a dead Redis',
    check: 'cache',
    env: () => ({ REDIS_URL: `redis://:${SECRET}@${world.nobody}` }),
    code: 'DRIVER_UNREACHABLE',
    detail: /can not be reached/,
    hint: /REDIS_URL/,
  },
  {
    name: 'Upstash that answers 401',
    check: 'cache',
    skip: noRedis,
    env: async () => {
      const redis = await startRedis()
      const upstash = await startUpstashServer({ redis, token: ANOTHER_KEY })
      closing.push(redis.close, upstash.close)
      return vendors.upstash(upstash.url)
    },
    code: 'DRIVER_UNAUTHORIZED',
    detail: /401/,
    hint: /Check UPSTASH_REDIS_REST_TOKEN/,
  },
  page('upstash'),
  {
    name: 'Postgres that refuses',
    check: 'jobs',
    also: 'database',
    env: () => ({ DATABASE_URL: `postgres://app:${SECRET}@${world.nobody}/app` }),
    code: 'DRIVER_UNREACHABLE',
    detail: /ECONNREFUSED|can not be reached/,
    hint: /Check the host and port in DATABASE_URL, and that the server runs/,
  },
  {
    name: 'a transaction pooler',
    check: 'jobs',
    also: 'database',
    skip: noPostgres,
    env: async () => {
      const postgres = await startPostgres()
      const pooler = await startTransactionPooler(postgres.url)
      closing.push(postgres.close, pooler.close)
      return { DATABASE_URL: pooler.url }
    },
    status: 'warning',
    code: 'POSTGRES_POOLED',
    detail: /leads to a transaction pooler.*workers do not start/,
    hint: /Supabase: port 5432 instead of 6543/,
  },
  {
    name: 'PostHog that answers 401',
    check: 'analytics',
    env: () => vendors.posthog(world.urls.posthog),
    code: 'DRIVER_UNAUTHORIZED',
    detail: /401/,
    hint: /Check NEXT_PUBLIC_POSTHOG_KEY/,
  },
  {
    name: 'Sentry that answers 401',
    check: 'monitoring',
    env: () => vendors.sentry(world.urls.sentry),
    code: 'DRIVER_UNAUTHORIZED',
    detail: /401|403/,
    hint: /Check .*NEXT_PUBLIC_SENTRY_DSN/,
  },
  {
    name: 'a folder for SQLite that is missing',
    check: 'jobs',
    env: () => ({ MSC_JOBS_SQLITE: join(folder, 'missing', 'jobs.sqlite') }),
    code: 'SQLITE_UNUSABLE',
    detail: /missing\/jobs\.sqlite can not be opened/,
    hint: /mkdir -p .*\/missing\), or set MSC_JOBS_SQLITE/,
  },
  {
    name: 'a Supabase that is away',
    check: 'realtime',
    env: () => vendors.supabase(`http://${world.nobody}`),
    code: 'DRIVER_UNREACHABLE',
    detail: /127\.0\.0\.1:\d+ can not be reached/,
    hint: /Check NEXT_PUBLIC_SUPABASE_URL/,
  },
  {
    name: 'an Inngest that is away',
    check: 'jobs',
    env: () => vendors.inngest(`http://${world.nobody}`),
    code: 'DRIVER_UNREACHABLE',
    detail: /127\.0\.0\.1:\d+ can not be reached/,
    hint: /Check INNGEST_BASE_URL/,
  },
  {
    name: 'a silent Redis',
    check: 'cache',
    skip: noRedis,
    env: async () => {
      const redis = await startRedis()
      closing.push(redis.close)
      redis.pause()
      return { REDIS_URL: `redis://:${SECRET}@127.0.0.1:${redis.port}` }
    },
    code: 'DEADLINE_EXCEEDED',
    options: { timeoutMs: SILENT_MS },
    detail: /^redis at redis:\/\/127\.0\.0\.1:\d+ did not answer within 1000 ms\.$/,
    hint: /Check REDIS_URL/,
  },
  {
    name: 'a silent Postgres',
    check: 'jobs',
    also: 'database',
    skip: noPostgres,
    env: async () => {
      const postgres = await startPostgres({ password: SECRET })
      closing.push(postgres.close, postgres.resume)
      postgres.pause()
      return { DATABASE_URL: postgres.url }
    },
    code: 'DEADLINE_EXCEEDED',
    options: { timeoutMs: SILENT_MS },
    detail: /^postgres at postgres(?:ql)?:\/\/127\.0\.0\.1:\d+\S* did not answer within 1000 ms\.$/,
    hint: /Check DATABASE_URL/,
  },
  {
    name: 'Redis with a wrong password',
    check: 'cache',
    skip: noRedis,
    env: async () => {
      const redis = await startRedis({ password: ANOTHER_KEY })
      closing.push(redis.close)
      return { REDIS_URL: `redis://:${SECRET}@127.0.0.1:${redis.port}` }
    },
    code: 'DRIVER_UNAUTHORIZED',
    detail: /password/,
    hint: /Check the user and password in REDIS_URL/,
  },
  {
    name: 'Inngest with wrong keys',
    check: 'jobs',
    env: () => vendors.inngest(world.urls.inngest),
    code: 'DRIVER_UNAUTHORIZED',
    detail: /401/,
    hint: /Check INNGEST_EVENT_KEY: Inngest does not know it/,
  },
  {
    name: 'Supabase with a wrong key',
    check: 'realtime',
    env: () => vendors.supabase(world.urls.supabase),
    code: 'DRIVER_UNAUTHORIZED',
    detail: /401|403/,
    hint: /Check NEXT_PUBLIC_SUPABASE_ANON_KEY: the project does not know it/,
  },
  page('sentry'),
  page('posthog'),
  page('inngest'),
  page('supabase'),
  {
    name: 'DATABASE_URL=foo',
    check: 'jobs',
    also: 'database',
    env: () => ({ DATABASE_URL: 'foo' }),
    code: 'DATABASE_URL_INVALID',
    detail: /The address of the database is not one of Postgres/,
    hint: /Set DATABASE_URL to postgres:\/\//,
  },
  {
    name: 'a Supabase database whose address has no password yet',
    check: 'database',
    env: () => ({ SUPABASE_DB_URL: 'postgresql://postgres:[YOUR-PASSWORD]@db.ref.supabase.co:5432/postgres' }),
    code: 'CONFIG_HALF_SET',
    detail: /SUPABASE_DB_URL is set but the password in it is not/,
    hint: /password of the database in the place of the brackets/,
  },
  {
    name: 'SUPABASE_DB_URL with the address of the API',
    check: 'database',
    env: () => ({ SUPABASE_DB_URL: `https://${SECRET}.supabase.co` }),
    code: 'DATABASE_URL_INVALID',
    detail: /The address of the database is not one of Postgres/,
    hint: /Set SUPABASE_DB_URL to postgres:\/\//,
  },
  {
    name: 'a database that refuses',
    check: 'database',
    env: () => ({ SUPABASE_DB_URL: `postgres://app:${SECRET}@${world.nobody}/app` }),
    code: 'DRIVER_UNREACHABLE',
    detail: /ECONNREFUSED|can not be reached/,
    hint: /Check the host and port in SUPABASE_DB_URL/,
  },
  {
    name: 'a silent database',
    check: 'database',
    skip: noPostgres,
    env: async () => {
      const postgres = await startPostgres({ password: SECRET })
      closing.push(postgres.close, postgres.resume)
      postgres.pause()
      return { SUPABASE_DB_URL: postgres.url }
    },
    code: 'DEADLINE_EXCEEDED',
    options: { timeoutMs: SILENT_MS },
    detail: /^supabase at postgres:\/\/127\.0\.0\.1:\d+\S* did not answer within 1000 ms\.$/,
    hint: /Check SUPABASE_DB_URL/,
  },
  {
    name: 'a database with a wrong password',
    check: 'database',
    skip: noPostgres,
    env: async () => {
      const postgres = await startPostgres({ password: ANOTHER_KEY })
      closing.push(postgres.close)
      return { SUPABASE_DB_URL: postgres.url.replace(ANOTHER_KEY, SECRET) }
    },
    code: 'DRIVER_UNAUTHORIZED',
    detail: /password authentication failed/,
    hint: /Check the user and password in SUPABASE_DB_URL/,
  },
  {
    name: 'a database that only reads',
    check: 'database',
    skip: noPostgres,
    env: async () => {
      const postgres = await startPostgres()
      closing.push(postgres.close)
      await administer(postgres.url, 'alter database postgres set default_transaction_read_only = on')
      return { SUPABASE_DB_URL: postgres.url }
    },
    code: 'DRIVER_READ_ONLY',
    detail: /only reads/,
    hint: /SUPABASE_DB_URL has to lead to the primary/,
  },
  {
    name: 'a database behind a transaction pooler',
    check: 'database',
    skip: noPostgres,
    env: async () => {
      const postgres = await startPostgres()
      const pooler = await startTransactionPooler(postgres.url)
      closing.push(postgres.close, pooler.close)
      return { SUPABASE_DB_URL: pooler.url }
    },
    status: 'warning',
    code: 'POSTGRES_POOLED',
    detail: /leads to a transaction pooler.*the outbox looks at its table/,
    hint: /Supabase: port 5432 instead of 6543/,
  },
  {
    name: 'Node 20',
    check: 'node',
    options: { nodeVersion: 'v20.20.2' },
    env: () => ({}),
    code: 'NODE_UNSUPPORTED',
    detail: /This is Node 20\.20\.2\. The @msc packages need Node >=22\.13/,
    hint: /Install a supported Node/,
  },
  {
    name: 'a SUPABASE_JWT_SECRET that is too short',
    check: 'secrets',
    env: () => ({ SUPABASE_JWT_SECRET: 'short-secret' }),
    code: 'SECRET_TOO_SHORT',
    detail: /SUPABASE_JWT_SECRET, which signs realtime tokens, has 12 bytes and can be guessed/,
    hint: /Set SUPABASE_JWT_SECRET to a long random value/,
  },
  {
    name: 'a profile that there is not',
    check: 'profile',
    env: () => ({ MSC_PROFILE: 'production' }),
    code: 'PROFILE_UNKNOWN',
    detail: /MSC_PROFILE is none of local, self-hosted, vendor/,
    hint: /self-hosted or vendor on the internet/,
  },
  {
    name: 'the profile of one’s own machine in production',
    check: 'profile',
    env: () => ({ NODE_ENV: 'production', MSC_PROFILE: 'local', MSC_ALLOW_EMBEDDED: '1' }),
    status: 'warning',
    code: 'PROFILE_LOCAL',
    detail: /runs in the profile `local`/,
    hint: /Set MSC_PROFILE to self-hosted or vendor/,
  },
  {
    name: 'a proxy that is trusted as it was before',
    check: 'profile',
    env: () => ({ MSC_TRUST_PROXY: '1' }),
    code: 'CONFIG_REPLACED',
    detail: /MSC_TRUST_PROXY is no more/,
    hint: /Set MSC_TRUSTED_HOPS/,
  },
]

describe('msc doctor names the fault and the remedy', () => {
  const named = new Set<string>()
  afterAll(() => console.info(`doctor.faults: ${named.size} of ${FAULTS.length}`))

  for (const fault of FAULTS) {
    it.skipIf(fault.skip)(
      `${fault.name}`,
      async () => {
        const env = await fault.env()
        const findings = fault.isAlone
          ? findingsOf((await alone.msc(['doctor', '--json', '--timeout', '15'], { NODE_ENV: 'test', ...env })).out)
          : await examined(env, fault.options)
        const wrong = findings.filter(({ status }) => status !== 'ok')
        const found = wrong.filter(({ check }) => check === fault.check)
        expect(found).toEqual([
          expect.objectContaining({
            status: fault.status ?? 'error',
            code: fault.code,
            detail: expect.stringMatching(fault.detail),
            hint: expect.stringMatching(fault.hint),
          }),
        ])
        // Each fault has exactly one finding in each concern that it is of.
        expect(wrong).toHaveLength(fault.everywhere ? 7 : fault.also === undefined ? 1 : 2)
        if (fault.also !== undefined) expect(wrong.map(({ check }) => check)).toContain(fault.also)
        named.add(fault.name)
      },
      60_000,
    )
  }

  it('covers 43 faults', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(43)
  })
})

describe('msc doctor, with something else in a vendor’s place', () => {
  it.each(names)('%s: does not take a firewall’s 403 page for a wrong key', async (vendor) => {
    expect(await findingOf(concernOf[vendor], vendors[vendor](world.wall))).toMatchObject({
      status: 'error',
      code: 'DRIVER_NOT_THE_BACKEND',
      hint: expect.stringContaining(addressOf[vendor]),
    })
  })

  it.each(names)('%s: names a port on which nothing listens', async (vendor) => {
    const found = await findingOf(concernOf[vendor], vendors[vendor](`http://${world.nobody}`))
    expect(found).toMatchObject({
      status: 'error',
      detail: expect.stringContaining(world.nobody),
      hint: expect.stringContaining(addressOf[vendor].replace('_HOST', '')),
    })
  })

  it.each(names)('%s: names a silent backend, with its address and variable', async (vendor) => {
    const found = await findingOf(concernOf[vendor], vendors[vendor](world.mute), SILENT_MS)
    expect(found).toMatchObject({ status: 'error', code: 'DEADLINE_EXCEEDED' })
    expect(found.detail).toContain(new URL(world.mute).host)
    expect(found.hint).toContain(addressOf[vendor].replace('_HOST', ''))
  })

  it('Redis and Postgres: recognises a web server, and names the address', async () => {
    const { host } = new URL(world.page)
    expect(await findingOf('cache', { REDIS_URL: `redis://${host}` })).toMatchObject({
      status: 'error',
      code: 'DRIVER_NOT_THE_BACKEND',
      hint: expect.stringContaining('REDIS_URL'),
    })
    expect(await findingOf('jobs', { DATABASE_URL: `postgres://${host}/app` })).toMatchObject({
      status: 'error',
      hint: expect.stringContaining('DATABASE_URL'),
    })
  })
})

describe('msc doctor reports no fault', () => {
  it('for Supabase with the right key', async () => {
    const anonKey = await signTestToken(JWT_SECRET, { role: 'anon' }, 3600)
    const right = { NEXT_PUBLIC_SUPABASE_URL: world.urls.supabase, NEXT_PUBLIC_SUPABASE_ANON_KEY: anonKey }
    expect(await findingOf('realtime', right)).toMatchObject({ subject: 'supabase', status: 'ok' })
  })

  it.skipIf(noRedis)('for Redis with the right password, but names a missing one', async () => {
    const redis = await startRedis({ password: 'right' })
    closing.push(redis.close)
    const address = `127.0.0.1:${redis.port}`
    expect(await findingOf('cache', { REDIS_URL: `redis://:right@${address}` })).toMatchObject({ status: 'ok' })
    expect(await findingOf('cache', { REDIS_URL: `redis://${address}` })).toMatchObject({
      code: 'DRIVER_UNAUTHORIZED',
      hint: 'Check the user and password in REDIS_URL.',
    })
  })

  it.skipIf(noPostgres)(
    'for Postgres with the right password, and tells a wrong one from a missing database',
    async () => {
      const postgres = await startPostgres({ password: 'right' })
      closing.push(postgres.close)
      const { url } = postgres
      expect(await findingOf('jobs', { DATABASE_URL: url })).toMatchObject({ status: 'ok' })
      expect(await findingOf('jobs', { DATABASE_URL: url.replace('right', SECRET) })).toMatchObject({
        code: 'DRIVER_UNAUTHORIZED',
        hint: 'Check the user and password in DATABASE_URL.',
      })
      expect(await findingOf('jobs', { DATABASE_URL: url.replace(/postgres$/, 'nowhere') })).toMatchObject({
        hint: 'Check the name of the database in DATABASE_URL.',
      })
    },
  )
})
