import { createMemoryJournal } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMonitoring } from '../create-monitoring.ts'
import { createMonitoringFromEnv } from '../default-monitoring.ts'
import type { Breadcrumb, Signal } from '../signals.ts'
import { startSentryServer, type SentryEvent, type SentryServer } from '../testing/index.ts'
import { testMonitoringDriver } from '../testing/conformance/index.ts'
import { browserLocal } from './browser-local.ts'
import { local } from './local.ts'
import { sentryBrowser } from './sentry-browser.ts'
import { parseDsn } from './sentry/dsn.ts'
import { sentry } from './sentry.ts'

testMonitoringDriver('local', async () => {
  const journal = createMemoryJournal()
  const driver = local({ journal })
  return {
    driver,
    received: () =>
      journal
        .query({ limit: 2000 })
        .toReversed()
        .map(({ kind, name, payload, traceId, userId }) => ({
          id: String(payload['eventId']),
          message: kind === 'error' ? name.replace(/^\w+: /, '') : name,
          level: payload['level'] as string,
          tags: payload['tags'] as Record<string, string>,
          traceId,
          userId,
          breadcrumbs: (payload['breadcrumbs'] as Breadcrumb[]).map(({ message }) => message),
        })),
    close: driver.close,
  }
})

testMonitoringDriver('browser-local, over a fetch that records the requests', async () => {
  const records: { kind: string; name: string; traceId?: string; userId?: string; payload: Record<string, unknown> }[] =
    []
  let broken = false
  const driver = browserLocal({
    ingestUrl: '/api/msc/browser',
    fetch: async (_url, init) => {
      if (broken) throw new TypeError('Failed to fetch')
      const sent = JSON.parse(String(init?.body)) as { records: typeof records }
      for (const record of sent.records) {
        if (!records.some(({ payload }) => payload['eventId'] === record.payload['eventId'])) records.push(record)
      }
      return new Response(null, { status: 204 })
    },
  })
  return {
    driver,
    received: () =>
      records.map(({ kind, name, traceId, userId, payload }) => ({
        id: String(payload['eventId']),
        message: kind === 'error' ? name.replace(/^\w+: /, '') : name,
        level: payload['level'] as string,
        tags: payload['tags'] as Record<string, string>,
        traceId,
        userId,
        breadcrumbs: (payload['breadcrumbs'] as Breadcrumb[]).map(({ message }) => message),
      })),
    breakBackend: () => (broken = true),
    mendBackend: () => (broken = false),
    close: driver.close,
  }
})

describe.each([
  ['sentry', sentry],
  ['sentry-browser', sentryBrowser],
] as const)('%s', (name, make) => {
  testMonitoringDriver(`${name}, over loopback`, async () => {
    const server = await startSentryServer()
    const driver = make({ dsn: server.dsn })
    return {
      driver,
      received: () => server.events.map(received),
      breakBackend: () => (server.behaviour = 'error'),
      mendBackend: () => (server.behaviour = 'ok'),
      async close() {
        await driver.close()
        await server.close()
      },
    }
  })

  describe(`${name} when things go wrong`, () => {
    let server: SentryServer
    beforeAll(async () => {
      server = await startSentryServer()
    })
    afterAll(() => server.close())

    it.each(['silent', 'error', 'garbage', 'html', 'redirect', 'reset', 'unauthorized', 'rate-limited'] as const)(
      'never delays or fails the caller while the server is %s',
      async (behaviour) => {
        server.behaviour = behaviour
        const drops: string[] = []
        const monitoring = createMonitoring({
          driver: make({ dsn: server.dsn }),
          timeoutMs: 250,
          onDrop: ({ count, kind, reason }) => drops.push(`${count} ${kind} ${reason}`),
          onError: () => undefined,
        })
        expect(monitoring.captureException(new Error('lost'))).toMatch(/^[\da-f]{32}$/)
        await monitoring.flush({ timeoutMs: 1000 })
        const { status } = await monitoring.health({ timeoutMs: 250 })
        expect(status).toBe(behaviour === 'rate-limited' ? 'degraded' : 'down')
        await monitoring.close({ timeoutMs: 300 })
        const refusesUs = behaviour === 'unauthorized' || behaviour === 'redirect'
        expect(drops).toEqual([refusesUs ? '1 error unauthorized' : '1 error closed'])
        expect(server.events).toEqual([])
        server.behaviour = 'ok'
      },
    )

    it('sends frames, the chain of causes, and no data that the caller did not pass', async () => {
      const monitoring = createMonitoring({ driver: make({ dsn: server.dsn }), release: 'web@1', environment: 'test' })
      const id = monitoring.captureException(new Error('outer', { cause: new RangeError('inner') }), {
        fingerprint: 'chosen',
      })
      await monitoring.flush()
      await monitoring.close()
      const event = await server.waitFor(({ event_id }) => event_id === id)
      expect(event.exception?.values.map(({ type, value }) => `${type}: ${value}`)).toEqual([
        'RangeError: inner',
        'Error: outer',
      ])
      const frames = event.exception?.values.at(-1)?.stacktrace?.frames ?? []
      expect(frames.at(-1)?.filename).toContain('drivers.test.ts')
      expect(event).toMatchObject({ release: 'web@1', environment: 'test', fingerprint: ['chosen'] })
      const wire = event as unknown as Record<string, unknown>
      for (const absent of ['user', 'request', 'server_name', 'modules']) expect(wire[absent]).toBeUndefined()
    })
  })
})

describe('sentry’s limits', () => {
  const answering = (headers: Record<string, string>, status = 200) => {
    const clock = createManualClock()
    let requests = 0
    const fetch = async (): Promise<Response> => {
      requests += 1
      return new Response('{}', requests === 1 ? { status, headers } : {})
    }
    const driver = sentry({ dsn: 'https://key@sentry.example/1', fetch, clock })
    const monitoring = createMonitoring({ driver, clock, telemetry: false, onError: () => undefined })
    return { monitoring, clock, requests: () => requests }
  }

  it.each([
    ['a Retry-After of a year', { 'retry-after': '31536000' }, 429, 900_000],
    ['a date in a year', { 'retry-after': 'Thu, 14 Nov 2024 22:13:20 GMT' }, 429, 900_000],
    ['a limit of a year', { 'x-sentry-rate-limits': '31536000:error' }, 200, 900_000],
    ['a limit that is not a finite number', { 'x-sentry-rate-limits': '1e400' }, 200, 60_000],
    ['a limit of a minute', { 'x-sentry-rate-limits': '60:error:organization' }, 200, 60_000],
  ])('delay errors for a credible time: %s', async (_what, headers, status, waitMs) => {
    const { monitoring, clock, requests } = answering(headers, status)
    monitoring.captureException(new Error('first'))
    await clock.advance(20)
    await expect.poll(() => monitoring.stats().inFlight).toBe(0)
    const from = clock.now()
    monitoring.captureException(new Error('second'))
    await clock.advance(waitMs - 1000)
    expect(requests()).toBe(1)
    const { status: verdict, detail } = await monitoring.health()
    expect(verdict).toBe('degraded')
    expect(detail).toContain(new Date(from + waitMs).toISOString())
    await clock.advance(60_000)
    await expect.poll(() => monitoring.stats().queued).toBe(0)
    expect((await monitoring.health()).status).toBe('ready')
    await monitoring.close()
  })

  it.each([
    [{ 'retry-after': '0' }, 429],
    [{ 'x-sentry-rate-limits': '0:error' }, 200],
  ])('may be 0 seconds: %j', async (headers, status) => {
    const { monitoring, clock } = answering(headers, status)
    monitoring.captureException(new Error('first'))
    await clock.advance(20)
    await expect.poll(() => monitoring.stats().inFlight).toBe(0)
    await clock.advance(60_000)
    await expect.poll(() => monitoring.stats()).toMatchObject({ delivered: 1, dropped: 0 })
    await monitoring.close()
  })
})

it('sentry reads only as much of an answer as it needs, and cancels the rest', async () => {
  let read = 0
  const fetch = async (): Promise<Response> =>
    new Response(
      new ReadableStream({
        pull(controller) {
          read += 100_000
          controller.enqueue(new Uint8Array(100_000))
        },
      }),
    )
  const monitoring = createMonitoring({ driver: sentry({ dsn: 'https://key@sentry.example/1', fetch }) })
  monitoring.captureMessage('hello')
  const { code } = await monitoring.health()
  expect(code).toBe('DRIVER_NOT_THE_BACKEND')
  expect(read).toBeLessThan(2_000_000)
  await monitoring.close({ timeoutMs: 200 })
  // Sentry answers with an id, so an endless body comes from something else.
  expect(monitoring.stats()).toMatchObject({ delivered: 0, dropped: 1 })
})

it('only the signal that cannot be written is rejected', async () => {
  const server = await startSentryServer()
  const { signal } = new AbortController()
  const sample = (id: string, startedAt: number): Signal => ({
    kind: 'session',
    id,
    timestamp: 1,
    tags: {},
    sessionId: id,
    status: 'ok',
    errors: 0,
    init: true,
    startedAt,
  })
  const batch = [sample('a', 1), sample('b', 1e300), sample('c', 2)]
  const receipt = await sentry({ dsn: server.dsn }).send(batch, { signal, urgency: 'background' })
  expect(receipt.rejected).toMatchObject([{ id: 'b', retryable: false, reason: 'unreadable' }])
  expect(server.items.map(({ payload }) => (payload as { sid: string }).sid)).toEqual(['a', 'c'])
  await server.close()
})

it('holds at most 8 MiB of JSON during an outage, in any language', async () => {
  const offered: string[] = []
  let back = false
  const clock = createManualClock()
  const monitoring = createMonitoring({
    clock,
    maxQueue: 100_000,
    telemetry: false,
    onError: () => undefined,
    driver: {
      ...sentry({ dsn: 'https://key@sentry.example/1' }),
      capabilities: { kinds: ['message'], limits: { maxItems: 1e6, maxBytes: 1e9, maxItemBytes: 1e6 } },
      async send(signals) {
        if (!back) throw new Error('away')
        offered.push(...signals.map((signal) => JSON.stringify(signal)))
        return {}
      },
    },
  })
  const text = '夜のドライブ\n"'.repeat(1000)
  for (let n = 0; n < 1000; n++) monitoring.captureMessage(`${n} ${text}`, 'info', { extra: { text } })
  await clock.advance(5000)
  const { queued, inFlight, dropped } = monitoring.stats()
  back = true
  await clock.advance(120_000)
  const bytes = offered.reduce((sum, each) => sum + new TextEncoder().encode(each).byteLength, 0)
  expect(offered).toHaveLength(queued + inFlight)
  expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024)
  expect(bytes).toBeGreaterThan(7 * 1024 * 1024)
  expect(dropped).toBeGreaterThan(0)
  await monitoring.close()
})

describe('configuration', () => {
  it('selects Sentry with NEXT_PUBLIC_SENTRY_DSN, else the journal', async () => {
    const dsn = 'https://key@o1.ingest.example/42'
    expect(createMonitoringFromEnv({}, { NEXT_PUBLIC_SENTRY_DSN: dsn }).driverName).toBe('sentry')
    expect(createMonitoringFromEnv({}, { NODE_ENV: 'test' }).driverName).toBe('local')
    expect(() => createMonitoringFromEnv({}, { NODE_ENV: 'production' })).toThrow(/NEXT_PUBLIC_SENTRY_DSN|embedded/)
  })

  it.each(['nonsense', 'https://o1.ingest.example/42', 'https://key@host/', 'ftp://key@host/1'])(
    'refuses the DSN %s without repeating it',
    (dsn) => {
      expect(() => sentry({ dsn })).toThrow(/Client Keys|not valid/)
      expect(() => sentry({ dsn })).not.toThrow(dsn)
    },
  )

  it('finds the endpoint of a DSN, also under a path', () => {
    expect(parseDsn('https://k@host/42').envelopeUrl).toBe(
      'https://host/api/42/envelope/?sentry_version=7&sentry_key=k',
    )
    expect(parseDsn('http://k@host:9000/sub/path/7').envelopeUrl).toBe(
      'http://host:9000/sub/path/api/7/envelope/?sentry_version=7&sentry_key=k',
    )
  })
})

function received(event: SentryEvent) {
  return {
    id: event.event_id,
    message: event.exception?.values.at(-1)?.value ?? event.message ?? '',
    level: event.level,
    tags: event.tags ?? {},
    traceId: event.contexts?.trace?.trace_id,
    userId: event.user?.['id'] as string | undefined,
    breadcrumbs: (event.breadcrumbs ?? []).map(({ message }) => message ?? ''),
  }
}

it.each(['', '{}', '{"id":null}', '{"id":"9ec79c33ec9942ab8353589fcb2e04dc"}', '{"notKept":[{"type":"x","count":1}]}'])(
  'sentry accepts %j as an answer to an envelope',
  async (body) => {
    const driver = sentry({ dsn: 'https://key@sentry.example/1', fetch: async () => new Response(body) })
    await expect(driver.health(new AbortController().signal)).resolves.toBeUndefined()
  },
)

it.each(['{"ok":true}', '[]', '1', 'null', '{"id":1}', '{"id":"first"}'])(
  'sentry refuses %j as the answer of another API, in health checks and deliveries',
  async (body) => {
    const fetch = async (): Promise<Response> => Response.json(JSON.parse(body))
    const monitoring = createMonitoring({ driver: sentry({ dsn: 'https://key@sentry.example/1', fetch }) })
    expect(await monitoring.health()).toMatchObject({
      status: 'down',
      code: 'DRIVER_NOT_THE_BACKEND',
      hint: expect.stringContaining('NEXT_PUBLIC_SENTRY_DSN'),
    })
    monitoring.captureMessage('hello')
    await monitoring.close({ timeoutMs: 200 })
    expect(monitoring.stats()).toMatchObject({ delivered: 0, dropped: 1 })
  },
)

it.each([
  // Bugsink sends an empty body, which Django's HttpResponse types as HTML.
  [''],
  // Relay's answer through a proxy that changes the content type.
  ['{"id":"9ec79c33ec9942ab8353589fcb2e04dc"}'],
])('sentry accepts the answer %j typed as HTML', async (body) => {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  const fetch = async (): Promise<Response> => new Response(body, { headers })
  const monitoring = createMonitoring({ driver: sentry({ dsn: 'https://key@sentry.example/1', fetch }) })
  monitoring.captureMessage('hello')
  expect((await monitoring.health()).status).toBe('ready')
  await monitoring.close()
  expect(monitoring.stats()).toMatchObject({ delivered: 1, dropped: 0 })
})
