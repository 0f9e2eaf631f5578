import { createMemoryJournal, type Journal } from '@msc/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createConsole } from './create-console.ts'
import { html, toText } from './html.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'

function filled(): Journal {
  const journal = createMemoryJournal()
  const attributes = (rest: Record<string, unknown>, durationMs = 2) => ({ durationMs, attributes: rest })
  journal.append({
    kind: 'span',
    name: 'http.request',
    traceId,
    ts: 1000,
    payload: attributes({ method: 'POST', route: '/api/releases', status: 201 }, 40),
  })
  journal.append({
    kind: 'span',
    name: 'cache.delete',
    traceId,
    ts: 1010,
    payload: attributes({ pattern: 'releases', outcome: 'ok' }),
  })
  journal.append({
    kind: 'step',
    name: 'jobs.step',
    traceId,
    ts: 1050,
    payload: attributes({ job: 'ai', runId: 'r1', step: 'analyse', attempt: 1, outcome: 'ok' }, 20),
  })
  journal.append({
    kind: 'run',
    name: 'jobs.run',
    traceId,
    ts: 1045,
    payload: attributes({ job: 'ai', runId: 'r1', outcome: 'completed' }, 60),
  })
  journal.append({
    kind: 'event',
    name: 'release_created',
    traceId,
    userId: 'u1',
    payload: { properties: { title: '<b>x</b>' } },
  })
  for (const userId of ['u1', 'u2']) {
    journal.append({
      kind: 'error',
      name: 'Error: <script>alert(1)</script>',
      fingerprint: 'f1',
      traceId,
      userId,
      payload: {
        errors: [
          { name: 'Error', message: 'm', stack: 'Error: m\n  at <script>' },
          { name: 'RangeError', message: 'inner', stack: 's' },
        ],
        breadcrumbs: [{ timestamp: 1, category: 'ui', message: '"quoted" & <i>', level: 'info' }],
        tags: { route: '/boom', digest: '123@E1' },
        extra: {},
      },
    })
  }
  return journal
}

const open = (authorize: () => boolean | Promise<boolean> = () => true) =>
  createConsole({
    journal: filled(),
    authorize,
    health: async () => [{ concern: 'cache', driver: 'memory', status: 'ready', latencyMs: 0.1 }],
  })
const get = (handler: (request: Request) => Promise<Response>, path: string, init?: RequestInit) =>
  handler(new Request(`http://127.0.0.1/devtools${path}`, init))

describe('the console', () => {
  it('groups errors, and shows one with its causes, breadcrumbs, tags and trace', async () => {
    const { issues } = (await (await get(open(), '/errors?format=json')).json()) as { issues: unknown[] }
    expect(issues).toMatchObject([{ fingerprint: 'f1', count: 2, users: 2 }])
    const page = await (await get(open(), '/errors/f1')).text()
    for (const part of ['Caused by RangeError: inner', '/boom', `/devtools/traces/${traceId}`, '&quot;quoted&quot;']) {
      expect(page).toContain(part)
    }
  })

  it('finds the issue of the reference that an error page has shown', async () => {
    const named = async (reference: string): Promise<string[]> => {
      const path = `/errors?format=json&reference=${encodeURIComponent(reference)}`
      const { issues } = (await (await get(open(), path)).json()) as { issues: { fingerprint: string }[] }
      return issues.map(({ fingerprint }) => fingerprint)
    }
    expect(await named('123@E1')).toEqual(['f1'])
    expect(await named('123')).toEqual([])
    const page = await (await get(open(), '/errors?reference=<b>')).text()
    expect(page).toContain('No error that is kept has this reference.')
    expect(page).toContain('With the reference &lt;b&gt;.')
  })

  it('lists events, runs with their steps, and traces with everything they caused', async () => {
    expect(await (await get(open(), '/events')).text()).toContain('release_created')
    expect(await (await get(open(), '/runs/r1?format=json')).json()).toMatchObject({
      run: { job: 'ai', outcome: 'completed', traceId, steps: [{ name: 'analyse', outcome: 'ok' }] },
    })
    const { traces } = (await (await get(open(), '/traces?format=json')).json()) as { traces: { name: string }[] }
    expect(traces).toMatchObject([{ traceId, name: 'POST /api/releases', failed: true }])
    const page = await (await get(open(), `/traces/${traceId}`)).text()
    expect(page).toContain('cache.delete')
    expect(page).toContain('<rect')
    expect(await (await get(open(), '/systems')).text()).toContain('memory')
  })

  it('indents an operation below the one that contains it, whoever reported it', async () => {
    const journal = createMemoryJournal()
    const add = (kind: 'span' | 'step' | 'error', name: string, ts: number, payload: object): unknown =>
      journal.append({ kind, name, ts, traceId, payload: { ...payload } })
    add('span', 'orphan', 900, { spanId: 'o', parentSpanId: 'elsewhere' })
    add('span', 'read', 1030, { spanId: 'c', parentSpanId: 'b', durationMs: 1 })
    add('error', 'Error: in the step', 1040, { spanId: 'b', receivedFrom: 'sentry' })
    add('step', 'jobs.step', 1020, { spanId: 'b', parentSpanId: 'a', attributes: { job: 'ai', step: 's' } })
    add('span', 'http.request', 1000, { spanId: 'a', durationMs: 50, attributes: { method: 'GET', route: '/' } })
    add('span', 'circle 1', 2000, { spanId: 'x', parentSpanId: 'y' })
    add('span', 'circle 2', 2001, { spanId: 'y', parentSpanId: 'x' })
    const handler = createConsole({ journal, authorize: () => true })
    const { records } = (await (await get(handler, `/traces/${traceId}?format=json`)).json()) as {
      records: { name: string; depth: number }[]
    }
    expect(records.map(({ name, depth }) => [name, depth])).toEqual([
      ['orphan', 0],
      ['http.request', 0],
      ['jobs.step', 1],
      ['read', 2],
      ['Error: in the step', 2],
      ['circle 1', 0],
      ['circle 2', 1],
    ])
    expect(await (await get(handler, `/traces/${traceId}`)).text()).toContain('from sentry')
  })

  it('neither moves nor hides a record of the process in a trace for what was received, which it marks', async () => {
    const journal = createMemoryJournal()
    const own = (name: string, ts: number, payload: object): unknown =>
      journal.append({ kind: 'span', name, ts, traceId, payload: { ...payload } })
    const received = (name: string, ts: number, payload: object): unknown =>
      journal.append({ kind: 'span', source: 'browser', name, ts, traceId, payload: { ...payload } })
    for (let n = 0; n < 2000; n++) received(`flood ${n}`, 1, { spanId: `f${n}`, parentSpanId: `f${n + 1}` })
    received('the same span', 500, { spanId: 'a' })
    received('above it', 400, { spanId: 'outer' })
    own('http.request', 1000, {
      spanId: 'a',
      parentSpanId: 'outer',
      durationMs: 50,
      attributes: { method: 'GET', route: '/' },
    })
    own('read', 1010, { spanId: 'b', parentSpanId: 'a', durationMs: 5 })
    received('inside of it', 1020, { spanId: 'c', parentSpanId: 'b' })
    received('http.request', 2e9, { spanId: 'd', parentSpanId: 'd', attributes: { method: 'FORGED' }, durationMs: 9e9 })
    const handler = createConsole({ journal, authorize: () => true })
    const { records } = (await (await get(handler, `/traces/${traceId}?format=json`)).json()) as {
      records: { name: string; depth: number; source?: string }[]
    }
    const mine = records.filter(({ source }) => source === undefined)
    expect(mine.map(({ name, depth }) => [name, depth])).toEqual([
      ['http.request', 0],
      ['read', 1],
    ])
    expect(records).toHaveLength(2 + 100)
    const page = await (await get(handler, `/traces/${traceId}`)).text()
    expect(page).toContain('GET /')
    expect(page.match(/badge from">Browser/g)).toHaveLength(100)
    // The bars and the duration are those of the process itself.
    expect(page).toContain('over 50 ms')
    const { traces } = (await (await get(handler, '/traces?format=json')).json()) as { traces: object[] }
    expect(traces).toMatchObject([{ name: 'GET /', startedAt: 1000, durationMs: 50, records: 2, received: 2000 }])
  })

  it('lists what the process itself recorded first, however much was received, and shows one source alone', async () => {
    const journal = createMemoryJournal({ capacity: 5000 })
    for (const kind of ['error', 'event', 'drop'] as const) {
      journal.append({ kind, name: `our own ${kind}`, traceId, payload: { counts: [{ kind: `our own ${kind}` }] } })
      for (let n = 0; n < 2500; n++) {
        const other = String(n + 1).padStart(32, 'f')
        const payload = { counts: [{ kind: `foreign ${n}` }] }
        journal.append({ kind, source: 'browser', name: `foreign ${kind} ${n}`, traceId: other, payload })
      }
    }
    const handler = createConsole({ journal, authorize: () => true })
    const rowsOf = async (path: string): Promise<string> => (await get(handler, path)).text()
    for (const [path, ours] of [
      ['/errors', 'our own error'],
      ['/events', 'our own event'],
      ['/losses', 'our own drop'],
      ['/traces', traceId],
    ] as const) {
      const page = await rowsOf(path)
      expect(page, path).toContain(ours)
      expect(page, path).toContain('badge from">Browser')
      if (path === '/losses') continue
      const own = await rowsOf(`${path}?source=server`)
      expect(own, path).toContain(ours)
      expect(own, path).not.toContain('badge from')
      const received = await rowsOf(`${path}?source=browser`)
      expect(received, path).not.toContain(ours)
      expect(received, path).toContain('badge from">Browser')
      expect(await rowsOf(`${path}?source=<b>`), path).not.toMatch(/<b>|badge from/)
    }
  })

  it('has a page of its own for an error that was received, whatever fingerprint it has', async () => {
    const journal = createMemoryJournal()
    for (const fingerprint of ['f1', 'browser:f1', 'browser:a/b', 'a/b']) {
      journal.append({ kind: 'error', name: 'ours', fingerprint, payload: {} })
      journal.append({ kind: 'error', name: 'theirs', fingerprint, source: 'browser', payload: {} })
    }
    const handler = createConsole({ journal, authorize: () => true })
    const { issues } = (await (await get(handler, '/errors?format=json')).json()) as {
      issues: { name: string; fingerprint: string; count: number }[]
    }
    expect(issues.map(({ name, count }) => [name, count])).toEqual([
      ...Array.from({ length: 4 }, () => ['ours', 1]),
      // With and without the prefix that the ingest writes it is the same.
      ...Array.from({ length: 2 }, () => ['theirs', 2]),
    ])
    for (const { name, fingerprint } of issues) {
      const page = await (await get(handler, `/errors/${fingerprint}`)).text()
      expect(page.includes('Browser: what it says is not verified'), fingerprint).toBe(name === 'theirs')
    }
  })

  it('lists what the ingest, a sender, a driver and the telemetry lost', async () => {
    const journal = createMemoryJournal()
    const counts = [{ kind: 'attachment', reason: 'not kept', count: 2 }]
    for (let i = 0; i < 2; i++) {
      journal.append({ kind: 'drop', name: 'x', payload: { by: 'ingest', receivedFrom: 'sentry', counts } })
    }
    const attributes = { concern: 'analytics', driver: 'posthog', reason: 'queue full', count: 7, kind: 'track' }
    journal.append({ kind: 'drop', name: 'driver.drop', payload: { attributes } })
    const handler = createConsole({ journal, authorize: () => true })
    expect(await (await get(handler, '/losses?format=json')).json()).toMatchObject({
      losses: [
        { where: 'analytics · posthog', what: 'track', reason: 'queue full', count: 7 },
        { where: 'sentry', what: 'attachment', reason: 'not kept', count: 4 },
      ],
    })
  })

  it('shows the page of the services when their health can not be read', async () => {
    const health = () => Promise.reject(new Error('no'))
    const handler = createConsole({ journal: createMemoryJournal(), authorize: () => true, health })
    expect((await get(handler, '/systems')).status).toBe(200)
  })

  it('escapes markup, and its policy allows no script', async () => {
    for (const path of ['', '/errors', '/errors/f1', '/events', `/traces/${traceId}`]) {
      const response = await get(open(), path)
      const page = await response.text()
      expect(page, path).not.toMatch(/<script|<b>x|<i>/)
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'nonce-/)
      expect(page).not.toMatch(/\sstyle=/)
    }
  })

  it('answers 404 to unauthorised callers, and when the check fails', async () => {
    expect(
      (
        await get(
          open(() => false),
          '',
        )
      ).status,
    ).toBe(404)
    const failing = open(() => Promise.reject(new Error('session store away')))
    expect((await get(failing, '/errors')).status).toBe(404)
  })

  it('answers 404 to unknown paths and 405 to other methods', async () => {
    for (const path of [
      '/nothing',
      '/errors/unknown',
      '/runs/unknown',
      '/traces/unknown',
      '/errors/a/b',
      '/%E0%A4%A',
    ]) {
      expect((await get(open(), path)).status, path).toBe(404)
    }
    expect((await get(open(), '/errors', { method: 'POST' })).status).toBe(405)
    for (const path of ['/elsewhere/errors', '/devtoolsx/errors', '/devtool/errors']) {
      expect((await open()(new Request(`http://127.0.0.1${path}`))).status, path).toBe(404)
    }
  })
})

describe('html', () => {
  it('escapes every value', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const out = toText(html`<p title="${text}">${[text]}</p>`)
        const inner = out.slice('<p title="'.length, -'</p>'.length)
        expect(inner.replace(/&(amp|lt|gt|quot|#39);/g, '').replace('">', '')).not.toMatch(/[<>"']/)
      }),
    )
  })
})
