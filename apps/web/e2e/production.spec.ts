import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@msc/core/testing'
import { startPostgres } from '@msc/core/testing/postgres'
import { expect, test } from '@playwright/test'
import { seededUsers } from '../lib/db/seed.ts'
import { runKillChaos } from './chaos/kills.ts'
import { startApp, type RunningApp } from './support/app.ts'
import { startVendors } from './support/vendors.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))

/** Starts the server and returns what it says when it ends by itself. */
async function refusal(env: Readonly<Record<string, string>>): Promise<{ code: number | null; said: string }> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['server/main.ts'], {
    cwd: folder,
    env: { PATH, HOME, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', MSC_QUIET: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, said }
}

async function post(app: RunningApp, path: string, body: unknown, cookie?: string): Promise<Response> {
  return fetch(app.url + path, {
    method: 'POST',
    // The server ends connections that are idle for long, and accounts are added meanwhile.
    headers: { 'content-type': 'application/json', connection: 'close', ...(cookie && { cookie }) },
    body: JSON.stringify(body),
  })
}

test('with every vendor there is no account with a known password, and no password in the log', async () => {
  test.setTimeout(180_000)
  const vendors = await startVendors()
  const server = await startPostgres()
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-production-'))
  const env = { ...vendors.env, DATABASE_URL: server.url }
  const app = await startApp(await freePort(), env, 'localhost')
  try {
    expect(app.output()).toContain('profile vendor')
    for (const { email, password } of seededUsers) {
      expect((await post(app, '/api/auth/sign-in', { email, password })).status).toBe(401)
      expect(app.output()).not.toContain(password)
    }
    const add = (email: string, role: string): void => {
      const added = spawnSync(process.execPath, ['server/account.ts', 'add', '--email', email, '--role', role], {
        cwd: folder,
        input: `password of ${email}\n`,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', MSC_QUIET: '1', ...env },
      })
      expect(added.stdout, added.stderr).toBe(`Added ${email} as ${role}.\n`)
    }
    add('first@msc.example', 'admin')
    add('second@msc.example', 'admin')
    const signIn = async (email: string): Promise<string> => {
      const response = await post(app, '/api/auth/sign-in', { email, password: `password of ${email}` })
      const cookie = response.headers.get('set-cookie') ?? ''
      expect(cookie).toMatch(/^__Host-msc-session=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+; Secure$/)
      expect(response.headers.get('strict-transport-security')).toMatch(/^max-age=/)
      return cookie.split(';')[0] as string
    }
    const [first, second] = [await signIn('first@msc.example'), await signIn('second@msc.example')]
    const systems = (cookie: string): Promise<number> =>
      fetch(`${app.url}/admin/systems`, { headers: { cookie, connection: 'close' }, redirect: 'manual' }).then(
        ({ status }) => status,
      )
    expect(await systems(second)).toBe(200)
    const accounts = await (
      await fetch(`${app.url}/admin/accounts`, { headers: { cookie: first, connection: 'close' } })
    ).text()
    const [, id] = /\/api\/accounts\/([\da-f-]{36})\/role/.exec(accounts) ?? []
    expect((await post(app, `/api/accounts/${id}/role`, { role: 'artist' }, first)).status).toBe(200)
    // The role is read with each request, and the session that was begun in another one has ended.
    expect(await systems(second)).toBe(307)
    expect((await post(app, '/api/realtime/token', {}, second)).status).toBe(401)
  } finally {
    await app.stop()
    await vendors.close()
    await server.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
})

test('production does not start on what would lose data or let anybody in', async () => {
  test.setTimeout(120_000)
  const vendors = await startVendors()
  const port = String(await freePort())
  const withoutDatabase = await refusal({ ...vendors.env, PORT: port })
  expect(withoutDatabase.code).toBe(1)
  expect(withoutDatabase.said).toMatch(/\[msc\/database\] Production .* no backend configured/)
  const short = await refusal({ ...vendors.env, PORT: port, SUPABASE_JWT_SECRET: 'swordfish' })
  expect(short.code).toBe(1)
  expect(short.said).toMatch(/SUPABASE_JWT_SECRET, which signs realtime tokens, has 9 bytes/)
  expect(short.said).not.toContain('swordfish')
  const trusting = await refusal({ ...vendors.env, PORT: port, MSC_TRUST_PROXY: '1' })
  expect(trusting.said).toMatch(/Set MSC_TRUSTED_HOPS/)
  await vendors.close()
})

test('a start with a wrong number, address or folder ends at once, and names the variable', async () => {
  test.setTimeout(120_000)
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const free = String(await freePort())
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-start-'))
  const local = { MSC_PROFILE: 'local', MSC_ALLOW_EMBEDDED: '1', MSC_DATA_DIR: join(dataDir, 'made-last') }
  const wrong: [env: Readonly<Record<string, string>>, said: RegExp][] = [
    ...['abc', '99999', '0', '-1', '3000.5', '0x10', '1e3', 'Infinity', '3000\nHOST'].map(
      (PORT): [Record<string, string>, RegExp] => [
        { PORT },
        /^PORT is ".*"\. Set it to a whole number from 1 to 65535\.\n$/,
      ],
    ),
    [{ PORT: free, HOST: '256.1.1.1' }, /^HOST is "256\.1\.1\.1", where this machine can not listen \(\w+\)\. .+\n$/],
    [{ PORT: free, HOST: '203.0.113.9' }, /^HOST is "203\.0\.113\.9", .+\n$/],
    [{ PORT: free, HOST: 'http://localhost' }, /^HOST is "http:\/\/localhost", .+\n$/],
    [{ PORT: String(port) }, /^Port \d+ is in use\. .+\n$/],
    [{ PORT: free, MSC_TRUSTED_HOPS: 'one' }, /MSC_TRUSTED_HOPS is not a whole number from 0 to 10/],
    [{ PORT: free, MSC_DATA_DIR: '/proc/msc/data' }, /The data folder \/proc\/msc\/data can not be written to/],
    [
      { PORT: free, MSC_RELEASE: 'swordfish-swordfish', CRON_SECRET: 'swordfish-swordfish' },
      /MSC_RELEASE and CRON_SECRET/,
    ],
    [
      { PORT: free, NEXT_PUBLIC_SENTRY_DSN: 'https://key:swordfish@sentry.example/1' },
      /NEXT_PUBLIC_SENTRY_DSN, which goes/,
    ],
  ]
  for (const [env, said] of wrong) {
    const refused = await refusal({ ...local, ...env })
    expect(refused.said, JSON.stringify(env)).toMatch(said)
    expect(refused.said).not.toContain('swordfish')
    expect(refused.code, JSON.stringify(env)).toBe(1)
    expect(existsSync(local.MSC_DATA_DIR)).toBe(false)
  }
  taken.close()
  rmSync(dataDir, { recursive: true, force: true })
})

test('a second process on one data folder ends, and names the first', async () => {
  test.setTimeout(60_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-owner-'))
  const env = { MSC_PROFILE: 'local', MSC_ALLOW_EMBEDDED: '1', MSC_DATA_DIR: dataDir }
  const app = await startApp(await freePort(), env)
  const second = await refusal({ ...env, PORT: String(await freePort()) })
  expect(second.code).toBe(1)
  expect(second.said).toMatch(/belongs to process \d+ \(.*server\/main\.ts\), since 20/)
  expect((await fetch(app.url)).status).toBe(200)
  await app.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

test('kills at random moments lose, double and leave nothing', async () => {
  test.setTimeout(240_000)
  const seed = Number(process.env['MSC_SEED'] ?? Date.now() % 1_000_000_000)
  const report = await runKillChaos({ scripts: 4, seed })
  console.log(`MSC_SEED=${seed}`, JSON.stringify(report))
  expect(report.broken).toEqual([])
  expect(report.acknowledged).toBeGreaterThan(0)
})
