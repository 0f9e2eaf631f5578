import { createMemoryJournal } from '@msc/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMonitoring } from '../create-monitoring.ts'
import { createMonitoringFromEnv } from '../default-monitoring.ts'
import type { Breadcrumb } from '../signals.ts'
import { startSentryServer, testMonitoringDriver, type SentryEvent, type SentryServer } from '../testing/index.ts'
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

testMonitoringDriver('browser-local, over a fetch that keeps what it is given', async () => {
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
      'never holds up or fails the caller while the server is %s',
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
        expect((await monitoring.health({ timeoutMs: 250 })).status).toBe('down')
        await monitoring.close({ timeoutMs: 300 })
        const refusesUs = behaviour === 'unauthorized' || behaviour === 'redirect'
        expect(drops).toEqual([refusesUs ? '1 error unauthorized' : '1 error closed'])
        expect(server.events).toEqual([])
        server.behaviour = 'ok'
      },
    )

    it('sends frames, the chain of causes, and nothing that nobody gave it', async () => {
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

describe('configuration', () => {
  it('takes Sentry from NEXT_PUBLIC_SENTRY_DSN, else the journal', async () => {
    const dsn = 'https://key@o1.ingest.example/42'
    expect(createMonitoringFromEnv({ NEXT_PUBLIC_SENTRY_DSN: dsn }).driverName).toBe('sentry')
    expect(createMonitoringFromEnv({ NODE_ENV: 'test' }).driverName).toBe('local')
    expect(() => createMonitoringFromEnv({ NODE_ENV: 'production' })).toThrow(/NEXT_PUBLIC_SENTRY_DSN|embedded/)
  })

  it.each(['nonsense', 'https://o1.ingest.example/42', 'https://key@host/', 'ftp://key@host/1'])(
    'refuses the DSN %s without repeating it',
    (dsn) => {
      expect(() => sentry({ dsn })).toThrow(/Client Keys|not one/)
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
