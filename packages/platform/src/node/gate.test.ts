import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createAllowances } from './allowances.ts'
import { createGate, type GateOptions } from './gate.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const plenty = { calls: 1000, bytes: 1e9, windowSeconds: 60 }

async function start(options: Partial<GateOptions> & Pick<GateOptions, 'rules'>): Promise<string> {
  const addressOf = ({ headers }: IncomingMessage): string => String(headers['x-address'] ?? 'a')
  const gate = createGate({ addressOf, ...options })
  const server = createServer((request, response) => {
    void gate.admit(request, response).then((admitted) => {
      if (admitted) request.resume().once('end', () => response.end(`${'x'.repeat(1000)}`))
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Sends the path as it is, which `fetch` would resolve. */
function raw(url: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = request({ hostname, port, path }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject).end()
  })
}

describe('the gate', () => {
  it('refuses an address beyond its calls, and nobody else', async () => {
    const clock = createManualClock()
    const url = await start({ clock, rules: [{ name: 'pages', paths: ['/'], perAddress: { ...plenty, calls: 3 } }] })
    const from = async (address: string): Promise<number> =>
      (await fetch(url, { headers: { 'x-address': address } })).status
    expect([await from('a'), await from('a'), await from('a'), await from('a')]).toEqual([200, 200, 200, 429])
    expect(await from('b')).toBe(200)
    await clock.advance(20_000)
    expect([await from('a'), await from('a')]).toEqual([200, 429])
  })

  it('says when to come again, to programs and to people', async () => {
    const url = await start({ rules: [{ name: 'pages', paths: ['/'], perAddress: { ...plenty, calls: 1 } }] })
    await fetch(url)
    const problem = await fetch(url)
    expect(problem.headers.get('retry-after')).toBe('60')
    expect(problem.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await problem.json()).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
    const page = await fetch(url, { headers: { accept: 'text/html,*/*' } })
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain('Wait 60 seconds')
  })

  it('lets those that come together go on at its pace, and refuses more than may wait', async () => {
    const clock = createManualClock()
    const onRefused = vi.fn()
    const addressOf = vi.fn(() => 'a')
    const url = await start({
      clock,
      onRefused,
      addressOf,
      rules: [{ name: 'sign-in', paths: ['/'], perAddress: plenty, paceMs: 1000, maxWaiting: 2 }],
    })
    expect((await fetch(url)).status).toBe(200)
    let answered = 0
    const waiting = [1, 2].map(async () => {
      const { status } = await fetch(url)
      answered += 1
      return status
    })
    await vi.waitFor(() => expect(addressOf).toHaveBeenCalledTimes(3))
    const late = await fetch(url)
    expect(late.status).toBe(429)
    expect(late.headers.get('retry-after')).toBe('2')
    expect(onRefused).toHaveBeenCalledWith({ rule: 'sign-in', by: 'waiting' })
    expect(answered).toBe(0)
    await clock.advance(1000)
    await vi.waitFor(() => expect(answered).toBeGreaterThan(0))
    await clock.advance(1000)
    expect(await Promise.all(waiting)).toEqual([200, 200])
  })

  it('refuses an address with more parameters than any page has, under every path', async () => {
    const url = await start({ maxParameters: 3, rules: [] })
    expect((await fetch(`${url}/a?x=1&x=2&x=3`)).status).toBe(200)
    for (const path of ['/a?x&x&x&x', '/?&&&', '/_next/a?x=1&x=2&x=3&x=4', '/a?b?x&x&x&x']) {
      expect(await raw(url, path), path).toBe(414)
    }
    const answer = await fetch(`${url}/a?${'a&'.repeat(7000)}`)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ status: 414, code: 'ADDRESS_TOO_LONG' })
  })

  it('counts the bytes of requests and answers', async () => {
    const perAddress = { calls: 1000, bytes: 20_000, windowSeconds: 60 }
    const url = await start({ rules: [{ name: 'ingest', paths: ['/'], perAddress }] })
    const send = async (): Promise<number> => (await fetch(url, { method: 'POST', body: 'y'.repeat(12_000) })).status
    expect([await send(), await send()]).toEqual([200, 200])
    await vi.waitFor(async () => expect(await send()).toBe(429))
  })

  it('counts an account wherever it sends from, and goes on by address when nobody can say which it is', async () => {
    const accountOf = vi.fn(async (request: IncomingMessage) => {
      const { account } = request.headers
      if (account === 'broken') throw new Error('away')
      return account as string | undefined
    })
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const rules = [{ name: 'pages', paths: ['/'], perAddress: plenty, perAccount: { ...plenty, calls: 2 } }]
    const refusals: unknown[] = []
    const url = await start({ accountOf, rules, onRefused: (refusal) => refusals.push(refusal) })
    const as = async (account: string, address: string): Promise<number> =>
      (await fetch(url, { headers: { account, 'x-address': address } })).status
    expect([await as('ann', 'a'), await as('ann', 'b'), await as('ann', 'c')]).toEqual([200, 200, 429])
    expect([await as('bob', 'a'), await as('broken', 'a')]).toEqual([200, 200])
    expect(refusals).toEqual([{ rule: 'pages', by: 'account' }])
    quiet.mockRestore()
  })

  it('takes the first rule that fits, by whole parts of the path', async () => {
    const one = { ...plenty, calls: 1 }
    const url = await start({
      rules: [
        { name: 'console', paths: ['/devtools'], perAddress: one },
        { name: 'pages', paths: ['/'], perAddress: plenty },
      ],
    })
    const get = async (path: string): Promise<number> => (await fetch(url + path)).status
    expect(await get('/devtools/errors?x=/')).toBe(200)
    const ways = ['/devtools', '/%64evtools', '//devtools', '/devtools//', 'http://elsewhere/devtools?x']
    for (const way of ways) expect(await raw(url, way), way).toBe(429)
    expect([await get('/devtoolsx'), await get('/')]).toEqual([200, 200])
  })

  it('refuses an address that a router behind it may read differently, under every path', async () => {
    const url = await start({ rules: [{ name: 'console', paths: ['/devtools'], perAddress: plenty }] })
    const odd = ['/devtools/../sign-in', '/api/%2e%2e/sign-in', '/./x', '/a\\b', '*']
    for (const way of odd) expect(await raw(url, way), way).toBe(400)
    const refused = await fetch(`${url}/%5c`)
    expect(await refused.json()).toMatchObject({ status: 400, code: 'ADDRESS_INVALID' })
  })

  it('admits and refuses though what it asks and tells throws', async () => {
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const throwing = (): never => {
      throw new Error('no')
    }
    const rules = [{ name: 'pages', paths: ['/'], perAddress: { ...plenty, calls: 1 } }]
    const url = await start({ rules, addressOf: throwing, onRefused: throwing })
    expect([(await fetch(url)).status, (await fetch(url)).status]).toEqual([200, 429])
    quiet.mockRestore()
  })

  it.each([{}, { rules: [] }, { addressOf: () => 'a' }])('can not be made of %j', (options) => {
    expect(() => createGate(options as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it.each([
    { perAccount: plenty },
    { paths: [] },
    { paths: ['devtools'] },
    { paths: ['/devtools/'] },
    { perAddress: { ...plenty, calls: 0 } },
  ])('refuses the rule %j', (wrong) => {
    const rule = { name: 'x', paths: ['/'], perAddress: plenty, ...wrong }
    expect(() => createGate({ rules: [rule], addressOf: () => 'a' })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })
})

describe('allowances', () => {
  it('never let more through in any window than a window and what it refills', async () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 3000 }), calls: fc.integer({ min: 0, max: 30 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 20 }), async (steps, calls) => {
        const clock = createManualClock()
        const allowances = createAllowances({ calls, bytes: 1, windowSeconds: 10 }, { clock, maxClients: 10 })
        const taken: number[] = []
        for (const { wait, calls: tries } of steps) {
          await clock.advance(wait)
          for (let i = 0; i < tries; i++) if (allowances.take('a') === 0) taken.push(clock.monotonic())
        }
        for (const from of taken) {
          const within = taken.filter((at) => at >= from && at < from + 10_000).length
          expect(within).toBeLessThanOrEqual(2 * calls)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('are free when their time has come, as they said', async () => {
    const clock = createManualClock()
    const allowances = createAllowances({ calls: 7, bytes: 100, windowSeconds: 60 }, { clock, maxClients: 10 })
    while (allowances.take('a') === 0);
    const wait = allowances.take('a')
    await clock.advance(wait)
    expect(allowances.take('a')).toBe(0)
    allowances.charge('a', 250)
    const forBytes = allowances.take('a')
    expect(forBytes).toBeGreaterThan(80_000)
    await clock.advance(forBytes)
    expect(allowances.take('a')).toBe(0)
  })

  it('forget the client that was idle longest, and remember no more than they may', () => {
    const clock = createManualClock()
    const allowances = createAllowances({ calls: 1, bytes: 1, windowSeconds: 60 }, { clock, maxClients: 2 })
    expect([allowances.take('a'), allowances.take('b')]).toEqual([0, 0])
    expect(allowances.take('a')).toBeGreaterThan(0)
    expect(allowances.take('c')).toBe(0)
    expect(allowances.take('a')).toBeGreaterThan(0)
    expect(allowances.take('b')).toBe(0)
  })
})
