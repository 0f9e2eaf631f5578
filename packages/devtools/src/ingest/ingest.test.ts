import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createMemoryJournal } from '@msc/core'
import { createAnalytics } from '@msc/analytics'
import { posthog } from '@msc/analytics/posthog'
import { createMonitoring } from '@msc/monitoring'
import { sentry } from '@msc/monitoring/sentry'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIngest } from './create-ingest.ts'

const journal = createMemoryJournal({ capacity: 5000 })
const ingest = createIngest({ journal, basePath: '/api/msc', maxBytes: 50_000 })
const post = (path: string, body: BodyInit, init: RequestInit = {}) =>
  ingest(new Request(`http://127.0.0.1/api/msc${path}`, { method: 'POST', body, ...init }))
const record = (rest: Record<string, unknown> = {}) => ({ kind: 'event', name: 'clicked', payload: {}, ...rest })

describe('a post of our own browser drivers', () => {
  it('is written, redacted, with the time at which it happened', async () => {
    const ts = Date.now() - 5000
    const body = JSON.stringify({ records: [record({ ts, userId: 'u', payload: { properties: { password: 'x' } } })] })
    expect((await post('/browser', body)).status).toBe(204)
    expect(journal.query({ limit: 1 })).toMatchObject([
      {
        kind: 'event',
        name: 'clicked',
        ts,
        userId: 'anonymous:u',
        payload: { properties: { password: '[redacted]' } },
      },
    ])
  })

  it('belongs to the signed-in user, whatever it claims, and is anonymous without one', async () => {
    const own = createMemoryJournal()
    const guarded = createIngest({
      journal: own,
      basePath: '/api/msc',
      userOf: async (request) => request.headers.get('x-user') ?? undefined,
    })
    const send = (headers: Record<string, string>) =>
      guarded(
        new Request('http://127.0.0.1/api/msc/browser', {
          method: 'POST',
          headers,
          body: JSON.stringify({ records: [record({ userId: 'somebody-else' })] }),
        }),
      )
    await send({ 'x-user': 'me' })
    await send({})
    expect(own.query().map(({ userId }) => userId)).toEqual(['anonymous:somebody-else', 'me'])
  })

  it('leaves nothing behind when it is refused', async () => {
    const before = journal.query({ limit: 5000 }).length
    const bad: [string, BodyInit, number][] = [
      ['/browser', 'not json', 400],
      ['/browser', '{}', 400],
      ['/browser', JSON.stringify({ records: [record(), record({ kind: 'run' })] }), 400],
      ['/browser', JSON.stringify({ records: [record({ name: '' })] }), 400],
      ['/browser', JSON.stringify({ records: Array.from({ length: 1001 }, () => record()) }), 413],
      ['/browser', 'x'.repeat(60_000), 413],
      ['/browser', gzipSync('x'.repeat(1_000_000)), 413],
      ['/api/1/envelope/', 'x', 400],
      ['/batch/', '[', 400],
      ['/elsewhere', '{}', 404],
    ]
    for (const [path, body, status] of bad) {
      const response = await post(path, body)
      expect(response.status, path).toBe(status)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      const code = { 400: 'BODY_MALFORMED', 404: 'NOT_FOUND', 413: 'BODY_TOO_LARGE' }[status]
      expect(await response.json(), path).toMatchObject({ status, code })
    }
    expect((await ingest(new Request('http://127.0.0.1/api/msc/browser'))).status).toBe(405)
    expect(journal.query({ limit: 5000 })).toHaveLength(before)
  })

  it('is answered with a status, never with an error, whatever bytes it has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/browser', '/api/1/envelope/', '/batch/', '/e/'),
        fc.uint8Array(),
        async (path, bytes) => {
          expect((await post(path, new Uint8Array(bytes))).status).toBeLessThan(500)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('the vendors’ unmodified SDKs, pointed here', () => {
  let server: Server
  let origin: string
  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        void ingest(
          new Request(`http://127.0.0.1${request.url}`, {
            method: request.method ?? 'GET',
            ...(request.method === 'POST' && { body: Buffer.concat(chunks) }),
          }),
        ).then(async (answer) => {
          response.writeHead(answer.status)
          response.end(await answer.text())
        })
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it('Sentry’s errors arrive with stack, breadcrumbs and fingerprint', async () => {
    const monitoring = createMonitoring({ driver: sentry({ dsn: `${origin.replace('//', '//key@')}/api/msc/1` }) })
    monitoring.addBreadcrumb('before')
    const id = monitoring.captureException(new RangeError('too far', { cause: new Error('root') }), {
      tags: { a: 'b' },
    })
    await monitoring.close()
    const [found] = journal.query({ kinds: ['error'], limit: 1 })
    expect(found).toMatchObject({
      name: 'RangeError: too far',
      payload: { eventId: id, tags: { a: 'b' }, breadcrumbs: [{ message: 'before' }] },
    })
    expect(found?.fingerprint).toMatch(/^browser:[\da-f]{16}$/)
    const errors = found?.payload['errors'] as { message: string; stack: string }[]
    expect(errors.map(({ message }) => message)).toEqual(['too far', 'root'])
    expect(errors[0]?.stack).toContain('ingest.test.ts')
  })

  it('PostHog’s events arrive with their properties', async () => {
    const analytics = createAnalytics({ driver: posthog({ key: 'phc_x', host: `${origin}/api/msc` }) })
    await analytics.track('u9', 'release_created', { title: 'Night Drive' })
    await analytics.close()
    expect(journal.query({ kinds: ['event'], limit: 1 })).toMatchObject([
      { name: 'release_created', userId: 'anonymous:u9', payload: { properties: { title: 'Night Drive' } } },
    ])
  })
})
