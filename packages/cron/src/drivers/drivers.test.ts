import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCron } from '../create-cron.ts'
import { createCronFromEnv } from '../default-cron.ts'
import { defineCron } from '../define-cron.ts'
import { vercelManifest } from '../manifest.ts'
import { createVercelCronCaller } from '../testing/index.ts'
import { testCronDriver } from '../testing/conformance/index.ts'
import { local } from './local.ts'
import { runsOnVercel, vercel } from './vercel.ts'

const secret = 'cron-secret-0123456789'
const authorized = (url: string) => new Request(url, { headers: { authorization: `Bearer ${secret}` } })

testCronDriver('local', (clock) => ({ driver: local({ clock, secret }), authorized }))
testCronDriver('vercel', () => ({ driver: vercel({ secret }), authorized }))

it('refuses every request to a local route that has no secret', async () => {
  const cron = createCron({ crons: [], driver: local() })
  expect((await cron.handler(new Request('http://x/', { headers: { authorization: 'Bearer ' } }), 'a')).status).toBe(
    401,
  )
  await cron.close()
})

describe('vercel over HTTP', () => {
  const job = defineCron({ name: 'daily-analytics', schedule: '0 0 * * *' }, () => ({ artists: 3 }))
  const cron = createCron({ crons: [job], driver: vercel({ secret }) })
  const server = createServer((request, response) => {
    const name = (request.url ?? '').split('/').pop() ?? ''
    const headers = new Headers(Object.entries(request.headers).map(([key, value]) => [key, String(value)]))
    void cron
      .handler(new Request(`http://x${request.url}`, { method: request.method ?? 'GET', headers }), name)
      .then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        response.end(await answer.text())
      })
  })
  let baseUrl = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    await cron.close()
    server.closeAllConnections()
    server.close()
  })

  it('runs a job of the manifest once when Vercel calls twice, and never for a wrong secret', async () => {
    const manifest = vercelManifest([job])
    const call = (with_: string) =>
      createVercelCronCaller({ manifest, baseUrl, secret: with_ }).trigger('/api/cron/daily-analytics')
    expect((await call('wrong')).status).toBe(401)
    expect(await (await call(secret)).json()).toMatchObject({ outcome: 'ok', result: { artists: 3 } })
    expect(await (await call(secret)).json()).toMatchObject({ outcome: 'skipped', reason: 'duplicate' })
  })
})

describe('vercelManifest', () => {
  it('returns the crons of vercel.json', () => {
    const crons = [defineCron({ name: 'a', schedule: '0 */6 * * *' }, () => {})]
    expect(vercelManifest(crons)).toEqual({ crons: [{ path: '/api/cron/a', schedule: '0 */6 * * *' }] })
  })
  it.each([
    [{ name: 'a', schedule: '0 */6 * * *' }, 'hobby', /at most once a day/],
    [{ name: 'a', schedule: '0 0 * * MON' }, 'pro', /numeric/],
    [{ name: 'a', schedule: '0 0 1 * 1' }, 'pro', /both be set/],
    [{ name: 'a', schedule: '0 0 * * *', timezone: 'Europe/Stockholm' }, 'pro', /UTC/],
    [{ name: 'a', schedule: '0 0 * * *', path: `/${'x'.repeat(600)}` }, 'pro', /512/],
  ] as const)('refuses %j on %s', (options, plan, message) => {
    expect(() => vercelManifest([defineCron(options, () => {})], { plan })).toThrow(message)
  })
})

describe('choosing the driver', () => {
  const crons = { crons: [] }
  it.each<[Readonly<Record<string, string>>, boolean]>([
    [{}, false],
    [{ VERCEL: '1' }, true],
    [{ VERCEL: '' }, false],
    [{ VERCEL: '1', MSC_CRON_DRIVER: 'local' }, false],
    [{ VERCEL: '1', MSC_CRON_DRIVER: ' ' }, true],
    [{ MSC_CRON_DRIVER: 'vercel' }, true],
    [{ MSC_CRON_DRIVER: 'quartz' }, false],
  ])('%j runs on Vercel: %s, for whoever asks and for the engine', (env, expected) => {
    expect(runsOnVercel(env)).toBe(expected)
    const name = (): string => createCronFromEnv(crons, { ...env, CRON_SECRET: secret, MSC_QUIET: '1' }).driverName
    if (env['MSC_CRON_DRIVER'] === 'quartz') expect(name).toThrow('quartz')
    else expect(name() === 'vercel').toBe(expected)
  })

  it('follows the platform, and rejects an incomplete configuration', () => {
    expect(createCronFromEnv(crons, { VERCEL: '1', CRON_SECRET: secret }).driverName).toBe('vercel')
    expect(createCronFromEnv(crons, { MSC_QUIET: '1' }).driverName).toBe('local')
    expect(() => createCronFromEnv(crons, { VERCEL: '1' })).toThrow(/CRON_SECRET/)
    expect(() => createCronFromEnv(crons, { VERCEL: '1', CRON_SECRET: `${secret}\n` })).toThrow(
      expect.objectContaining({ code: 'CRON_SECRET_INVALID', message: expect.stringMatching(/white space/) }),
    )
    expect(() => createCronFromEnv(crons, { NODE_ENV: 'production' })).toThrow(/production/i)
    expect(() => createCronFromEnv(crons, { MSC_CRON_DRIVER: 'quartz' })).toThrow(
      expect.objectContaining({ code: 'CRON_DRIVER_UNKNOWN', hint: expect.stringContaining('`local` or `vercel`') }),
    )
  })
})

it.each(['', ' a b ', 'a\nb', 'a\u200bb', 5, true, {}, Promise.resolve(secret)])(
  'refuses a secret that no request can carry or that is no text: %j',
  (wrong) => {
    for (const make of [local, vercel]) {
      expect(() => make({ secret: wrong as string })).toThrow(expect.objectContaining({ code: 'CRON_SECRET_INVALID' }))
    }
  },
)
