import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@msc/core/testing'
import { startSentryServer } from '@msc/monitoring/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installAlone, type Installation } from './__fixtures__/install.ts'
import { CONCERNS } from './concerns.ts'
import { doctor, type DoctorOptions } from './doctor.ts'
import { readAppConfig } from './facts/app-config.ts'
import { installedCopies, manifestOf } from './facts/installed.ts'
import type { Finding } from './finding.ts'
import { main } from './main.ts'
import { oneLine } from './one-line.ts'
import type { JsonReport } from './report.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'msc-doctor-')))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
/** Makes an application's folder with these files. */
function applicationOf(files: Readonly<Record<string, string>> = {}): string {
  const folder = join(root, `app-${(folders += 1)}`)
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

async function run(env: Record<string, string>, options: DoctorOptions = {}) {
  let text = ''
  const { exitCode, close } = await doctor({
    folder: applicationOf(),
    ...options,
    env: { NODE_ENV: 'test', ...env },
    write: (part) => (text += part),
  })
  await close()
  return { exitCode, text }
}

async function report(env: Record<string, string>, options: DoctorOptions = {}): Promise<JsonReport> {
  return JSON.parse((await run(env, { ...options, json: true })).text) as JsonReport
}

const about = (check: string, { findings }: JsonReport): readonly Finding[] =>
  findings.filter((finding) => finding.check === check)

describe('msc doctor', () => {
  it('names the driver of each concern, and that it answers', async () => {
    const { exitCode, text } = await run({})
    expect(exitCode).toBe(0)
    for (const line of [
      `node        → ${process.version.slice(1)} ✓`,
      'monitoring  → local ✓',
      'cache       → memory ✓',
      'jobs        → memory ✓',
      'cron        → local ✓',
      'database    → pglite ✓',
      'profile     → local, 0 trusted hops ✓',
    ]) {
      expect(text).toContain(line)
    }
    expect(text.match(/✓/g)).toHaveLength(9)
  })

  it('names the missing variable of a pair that is half set, and what to do', async () => {
    const { exitCode, text } = await run({ UPSTASH_REDIS_REST_URL: 'https://x.example' })
    expect(exitCode).toBe(1)
    expect(text).toMatch(/cache +→ – ✗/)
    expect(text).toContain('Set UPSTASH_REDIS_REST_TOKEN too')
  })

  it('refuses embedded drivers in production', async () => {
    const { exitCode, text } = await run({ NODE_ENV: 'production' })
    expect(exitCode).toBe(1)
    expect(text.match(/✗/g)).toHaveLength(7)
    expect((await run({ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: '1' })).exitCode).toBe(0)
  })

  it('fails for a warning only with --strict', async () => {
    const env = { NODE_ENV: 'production', MSC_PROFILE: 'local', MSC_ALLOW_EMBEDDED: '1' }
    expect((await run(env)).exitCode).toBe(0)
    expect((await run(env, { strict: true })).exitCode).toBe(1)
    expect((await run({}, { strict: true })).exitCode).toBe(0)
  })

  it('makes a real round trip to a vendor, and never prints a secret', async () => {
    const server = await startSentryServer()
    const env = { NEXT_PUBLIC_SENTRY_DSN: server.dsn }
    expect(about('monitoring', await report(env))).toMatchObject([{ subject: 'sentry', status: 'ok', code: 'OK' }])
    server.behaviour = 'unauthorized'
    const refused = await run(env)
    await server.close()
    const gone = await run(env)
    for (const { exitCode, text } of [refused, gone]) {
      expect(exitCode).toBe(1)
      expect(text).toMatch(/monitoring +→ sentry ✗/)
      expect(text).not.toContain('0123456789abcdef')
    }
  })

  it('prints one object of a stable shape with --json', async () => {
    const now = () => Date.UTC(2026, 0, 2)
    const { findings, ...rest } = await report({ CRON_SECRET: 'short' }, { now })
    expect(rest).toEqual({ version: 1, exitCode: 1, status: 'error', checkedAt: '2026-01-02T00:00:00.000Z' })
    for (const finding of findings) {
      expect(finding).toEqual({
        check: expect.any(String),
        status: expect.stringMatching(/^(?:ok|warning|error)$/),
        code: expect.stringMatching(/^[A-Z][A-Z\d_]+$/),
        subject: expect.any(String),
        ...(finding.detail !== undefined && { detail: expect.any(String) }),
        ...(finding.hint !== undefined && { hint: expect.any(String) }),
        ...(finding.latencyMs !== undefined && { latencyMs: expect.any(Number) }),
      })
    }
    expect(about('secrets', { ...rest, findings })).toMatchObject([{ code: 'SECRET_TOO_SHORT' }])
  })

  it('prints a backend’s message on one line, without terminal escape sequences', () => {
    expect(oneLine('FATAL: no\r\ncache       → memory ✓\u001b[2J\u2028\u0085ü')).toBe(
      'FATAL: no cache       → memory ✓ [2J ü',
    )
  })

  it('calls every backend before any of them has answered', async () => {
    const waiting = new Set<number>()
    let all = (): void => {}
    const allAreAsked = new Promise<void>((resolve) => (all = resolve))
    const servers = await Promise.all(
      [0, 1, 2].map(async (index) => {
        const server = createServer((socket) => {
          socket.on('error', () => undefined)
          waiting.add(index)
          if (waiting.size === 3) all()
          // No connection is answered before all backends were called; then it is closed.
          void allAreAsked.then(() => socket.destroy())
        })
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        return server
      }),
    )
    const [redis, postgres, sentry] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`)
    const asked = await report(
      {
        REDIS_URL: `redis://${redis}`,
        DATABASE_URL: `postgres://a@${postgres}/a`,
        NEXT_PUBLIC_SENTRY_DSN: `http://key@${sentry}/1`,
      },
      { timeoutMs: 15_000 },
    )
    expect(waiting.size).toBe(3)
    expect(
      asked.findings.filter(({ status }) => status === 'error').map(({ check, code }) => [check, code]),
    ).not.toContainEqual([expect.anything(), 'DEADLINE_EXCEEDED'])
    for (const server of servers) server.close()
  })

  it('compares the machine’s clock with the Date of responses that it gets anyway', async () => {
    const server = createHttpServer((_request, response) => {
      response
        .setHeader('date', new Date(Date.now() + 95_000).toUTCString())
        .writeHead(200)
        .end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const found = about('clock', await report({ NEXT_PUBLIC_SENTRY_DSN: `http://key@${host}/1` }))
    server.close()
    expect(found).toMatchObject([{ status: 'warning', code: 'CLOCK_SKEW', subject: host }])
    expect(found[0]?.detail).toMatch(/clock is 9[3-6] s behind that of 127\.0\.0\.1/)
  })
})

it('checks Node against the engines of the application’s package.json', async () => {
  const folder = applicationOf({ 'package.json': JSON.stringify({ engines: { node: '>=99' } }) })
  expect(about('node', await report({}, { folder }))).toMatchObject([
    { code: 'NODE_UNSUPPORTED', detail: expect.stringContaining('The application, by the `engines`') },
  ])
})

it('reads a Node version that is a number in package.json as a range', async () => {
  const folder = applicationOf({ 'package.json': JSON.stringify({ engines: { node: 99 } }) })
  expect(about('node', await report({}, { folder }))).toMatchObject([{ code: 'NODE_UNSUPPORTED' }])
})

describe('msc doctor of an installation', () => {
  const installed = (version: string) => JSON.stringify({ name: '@msc/core', version })

  it('names an @msc package that is installed in two versions, one below the other', async () => {
    const files = {
      'node_modules/@msc/core/package.json': installed('1.0.0'),
      'node_modules/left/node_modules/@msc/core/package.json': installed('1.1.0'),
      'node_modules/@other/right/node_modules/@msc/core/package.json': installed('1.1.0'),
    }
    const folder = applicationOf(files)
    const [found, ...more] = about('packages', await report({}, { folder }))
    expect(more).toEqual([])
    expect(found).toMatchObject({ status: 'warning', code: 'PACKAGE_DUPLICATED', subject: '@msc/core' })
    for (const path of Object.keys(files)) expect(found?.detail).toContain(join(folder, path, '..'))
  })

  it('names a package that pnpm keeps twice, and one above the working folder', async () => {
    const folder = applicationOf({
      'node_modules/.pnpm/@msc+core@1.0.0/node_modules/@msc/core/package.json': installed('1.0.0'),
      'node_modules/.pnpm/@msc+core@2.0.0/node_modules/@msc/core/package.json': installed('2.0.0'),
      'apps/web/package.json': '{}',
    })
    const found = about('packages', await report({}, { folder: join(folder, 'apps', 'web') }))
    expect(found).toMatchObject([{ code: 'PACKAGE_DUPLICATED' }])
  })
})

describe('the search through an installation', () => {
  it('reads a limited number of folders, and ends when packages link to each other', async () => {
    const manifest = JSON.stringify({ name: '@msc/core', version: '1.0.0' })
    const folder = applicationOf({ 'node_modules/@msc/core/package.json': manifest })
    mkdirSync(join(folder, 'node_modules/@msc/core/node_modules/@msc'), { recursive: true })
    symlinkSync(join(folder, 'node_modules/@msc/core'), join(folder, 'node_modules/@msc/core/node_modules/@msc/core'))
    expect(await installedCopies(folder)).toEqual([
      { name: '@msc/core', version: '1.0.0', path: join(folder, 'node_modules/@msc/core') },
    ])
    expect(await installedCopies(folder, 1)).toEqual([])
  })
})

describe('the packages that drivers load', () => {
  /** Peers that no server driver loads, and that of the embedded database, which the doctor leaves to the application. */
  const OTHERS = ['ai', 'posthog-js', 'react', 'vitest', '@electric-sql/pglite']

  it.each(Object.entries(CONCERNS))('are all checked for %s', async (_concern, { package: name, peers = {} }) => {
    const { manifest } = await manifestOf(name)
    const declared = Object.keys(manifest.peerDependencies ?? {}).filter((peer) => !OTHERS.includes(peer))
    expect([...new Set(Object.values(peers))].toSorted()).toEqual(declared.toSorted())
  })
})

describe('msc doctor of an application', () => {
  const config = (body: string): string => `export default ${body}`
  const cron = { name: 'daily', path: '/api/cron/daily', schedule: '0 0 * * *', timezone: 'UTC' }
  const manifest = (...crons: object[]): string => JSON.stringify({ crons })

  it('compares vercel.json with the crons of msc.config, which may contain functions', async () => {
    const text = config(`{ crons: [{ ...${JSON.stringify(cron)}, run: () => {} }] }`)
    const same = applicationOf({ 'msc.config.ts': text, 'vercel.json': manifest(cron) })
    expect(about('vercel.json', await report({}, { folder: same }))).toMatchObject([{ status: 'ok' }])
    const drifted = applicationOf({
      'msc.config.ts': text,
      'vercel.json': manifest({ ...cron, schedule: '0 1 * * *' }),
    })
    const { exitCode, ...rest } = await report({}, { folder: drifted })
    expect(exitCode).toBe(1)
    expect(about('vercel.json', { exitCode, ...rest })).toMatchObject([{ code: 'CRON_MANIFEST_DRIFTED' }])
  })

  it('finds that there is no vercel.json where Vercel is to run the crons', async () => {
    const folder = applicationOf({ 'msc.config.ts': config(`{ crons: [${JSON.stringify(cron)}] }`) })
    expect(about('vercel.json', await report({}, { folder }))).toEqual([])
    const env = { MSC_CRON_DRIVER: 'vercel', CRON_SECRET: 'a-secret-of-twenty-characters' }
    const { exitCode, ...rest } = await report(env, { folder })
    expect(exitCode).toBe(1)
    expect(about('vercel.json', { exitCode, ...rest })).toMatchObject([
      { code: 'CRON_MANIFEST_MISSING', hint: expect.stringContaining('vercelManifest') },
    ])
  })

  it('checks the secrets and the folders of msc.config', async () => {
    const folder = applicationOf({
      'msc.config.mjs': config(
        `{ secrets: { SESSION_SECRET: { minBytes: 32, purpose: 'signs cookies' } }, folders: [{ path: 'data/journal', keeps: 'the journal' }, { path: 'new', keeps: 'files' }] }`,
      ),
      data: 'a file where a folder should be',
    })
    const found = await report({ SESSION_SECRET: 'short' }, { folder })
    expect(about('secrets', found)).toMatchObject([{ subject: 'SESSION_SECRET', code: 'SECRET_TOO_SHORT' }])
    expect(about('folders', found)).toMatchObject([
      { status: 'error', code: 'FOLDER_UNUSABLE', subject: join(folder, 'data', 'journal') },
      { status: 'ok' },
    ])
  })

  it('says what the application runs of its own choice, unless the environment names something', async () => {
    const inside = { status: 'ok', subject: 'memory', detail: 'runs inside the application' }
    expect(about('jobs', await report({}, { folder: applicationOf({}) }))).toMatchObject([inside])
    const folder = applicationOf({ 'msc.config.mjs': config(`{ inside: { jobs: 'sqlite' } }`) })
    const own = { ...inside, subject: 'sqlite', detail: 'runs inside the application, which chooses it' }
    expect(about('jobs', await report({}, { folder }))).toMatchObject([own])
    const named = await report({ MSC_JOBS_SQLITE: join(folder, 'jobs.sqlite') }, { folder })
    expect(about('jobs', named)).toMatchObject([{ status: 'ok', subject: 'sqlite' }])
    expect(JSON.stringify(about('jobs', named))).not.toContain('inside')
    const wrong = { DATABASE_URL: 'no address' }
    expect(about('jobs', await report(wrong, { folder }))).toMatchObject([{ status: 'error' }])
  })

  it('names MSC_DATA_DIR when it is not a folder', async () => {
    const folder = applicationOf({ data: 'a file' })
    expect(about('folders', await report({ MSC_DATA_DIR: 'data' }, { folder }))).toMatchObject([
      { code: 'FOLDER_UNUSABLE', hint: expect.stringContaining('MSC_DATA_DIR') },
    ])
  })

  it.each([
    ['that throws', 'throw new Error("no database here")', 'no database here'],
    ['without a default export', 'export const crons = []', 'the default export'],
    ['of another shape', config('{ crons: [{ name: "a" }] }'), '`crons`'],
    ['with a secret of no length', config(`{ secrets: { SESSION_SECRET: { purpose: 'signs' } } }`), '`secrets`'],
    ['with drivers that are no names', config(`{ inside: ['sqlite'] }`), '`inside`'],
    ['that ends the process', 'process.exit(3)', 'it ended before it was loaded'],
  ])('names a configuration %s, and checks the rest', async (_name, text, said) => {
    const found = await report({ CRON_SECRET: 'short' }, { folder: applicationOf({ 'msc.config.mjs': text }) })
    expect(about('config', found)).toMatchObject([
      { status: 'error', code: 'MSC_CONFIG_INVALID', detail: expect.stringContaining(said) },
    ])
    expect(about('secrets', found)).toHaveLength(1)
    expect(about('cache', found)).toMatchObject([{ status: 'ok' }])
  })

  it('names a configuration that never loads, and one that is missing', async () => {
    const folder = applicationOf({ 'msc.config.mjs': 'await new Promise(() => setInterval(() => {}, 1000))' })
    await expect(readAppConfig({ folder, env: {}, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'MSC_CONFIG_INVALID',
      message: `${join(folder, 'msc.config.mjs')} can not be loaded: it did not answer within 300 ms.`,
    })
    expect(about('config', await report({}, { configFile: 'other.mjs' }))).toMatchObject([
      { code: 'MSC_CONFIG_INVALID', hint: 'Correct --config.' },
    ])
  })
})

describe('the msc command', () => {
  let alone: Installation
  beforeAll(() => {
    alone = installAlone()
  })
  afterAll(() => alone.remove())

  it('exits with 0 and prints when asked for help or its version', async () => {
    for (const args of [['--help'], ['help'], ['doctor', '-h']]) {
      const { code, out, error } = await alone.msc(args, {})
      expect([code, error]).toEqual([0, ''])
      expect(out).toContain('msc <command>')
    }
    expect(await alone.msc(['--version'], {})).toEqual({ code: 0, out: '0.0.0\n', error: '' })
  })

  it('names a package that a driver needs later, whether it is missing or too old', async () => {
    const env = {
      NODE_ENV: 'test',
      NEXT_PUBLIC_SUPABASE_URL: `http://127.0.0.1:${await freePort()}`,
      NEXT_PUBLIC_SUPABASE_ANON_KEY: 'a-key',
    }
    const args = ['doctor', '--json', '--timeout', '15']
    const found = async () => about('realtime', JSON.parse((await alone.msc(args, env)).out) as JsonReport)
    expect(await found()).toMatchObject([
      { code: 'DRIVER_UNREACHABLE' },
      { status: 'error', code: 'PEER_MISSING', hint: expect.stringMatching(/npm install @supabase\/supabase-js@\^2/) },
    ])
    const sdk = join(alone.folder, 'node_modules/@supabase/supabase-js')
    mkdirSync(sdk, { recursive: true })
    writeFileSync(join(sdk, 'package.json'), JSON.stringify({ name: '@supabase/supabase-js', version: '1.35.7' }))
    expect(await found()).toMatchObject([
      { code: 'DRIVER_UNREACHABLE' },
      { status: 'warning', code: 'PEER_UNSUPPORTED', detail: expect.stringContaining('1.35.7') },
    ])
  })

  it('exits with 2 and runs nothing when its arguments are wrong', async () => {
    expect(await alone.msc(['doctor', '--jsno'], {})).toEqual({
      code: 2,
      out: '',
      error: 'msc: There is no option --jsno. Did you mean --json?\nRun msc --help for the commands and options.\n',
    })
    expect((await alone.msc([], {})).code).toBe(2)
  })

  it('exits once it has reported, even when a backend is silent, and writes the whole report to a pipe', async () => {
    const server = createServer((socket) => void socket.on('error', () => undefined))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const { code, out } = await alone.msc(['doctor', '--json', '--timeout', '0.5'], {
      NODE_ENV: 'test',
      NEXT_PUBLIC_SENTRY_DSN: `http://0123456789abcdef@${host}/1`,
    })
    server.close()
    expect(code).toBe(1)
    const [found] = about('monitoring', JSON.parse(out) as JsonReport)
    expect(found).toMatchObject({ code: 'DEADLINE_EXCEEDED', hint: expect.stringContaining('NEXT_PUBLIC_SENTRY_DSN') })
    expect(found?.detail).toContain(host)
    expect(out).not.toContain('0123456789abcdef')
  })

  it('writes to the streams that its caller passes', async () => {
    const said: string[] = []
    const output = { out: (text: string) => said.push(text), error: (text: string) => said.push(text) }
    expect(await main(['nonsense'], output)).toBe(2)
    expect(said.join('')).toContain('There is no command nonsense.')
    expect(await main(['help'], output)).toBe(0)
  })
})
