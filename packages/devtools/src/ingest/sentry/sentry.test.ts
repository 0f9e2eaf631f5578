import { createMemoryJournal, type JournalRecord } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { createMonitoring } from '@msc/monitoring'
import { sentry } from '@msc/monitoring/sentry'
import { describe, expect, it } from 'vitest'
import { createIngest } from '../create-ingest.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const eventId = (n: number): string => String(n).padStart(32, 'a')

interface Item {
  readonly type: string
  readonly payload: unknown
  readonly headers?: object
}

function setup() {
  const clock = createManualClock()
  const journal = createMemoryJournal({ now: clock.now })
  const ingest = createIngest({ journal, basePath: '/api/msc', clock })
  const send = (body: BodyInit): Promise<Response> =>
    ingest(new Request('http://127.0.0.1/api/msc/api/1/envelope/', { method: 'POST', body }))
  const envelope = (items: readonly Item[], headers: object = {}): string =>
    [headers, ...items.flatMap(({ type, payload, headers: more }) => [{ type, ...more }, payload])]
      .map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
      .join('\n')
  const post = (items: readonly Item[], headers?: object): Promise<Response> => send(envelope(items, headers))
  const all = (): JournalRecord[] => journal.query({ limit: 1000 }).toReversed()
  return { clock, send, post, envelope, all, journal }
}

describe('an event of Sentry', () => {
  it('is an error with its causes as a tree, its frames, user, environment and server', async () => {
    const { post, all } = setup()
    const exception = {
      values: [
        {
          type: 'RangeError',
          value: 'inner',
          mechanism: { type: 'chained', exception_id: 1, parent_id: 0, source: 'errors[0]' },
        },
        {
          type: 'AggregateError',
          value: 'all failed',
          mechanism: { type: 'generic', handled: false, exception_id: 0, is_exception_group: true },
          stacktrace: {
            frames: [
              { function: 'outer', filename: '/app/node_modules/x/index.js', lineno: 1, colno: 2 },
              { function: 'payOut', filename: '/app/pay.ts?token=abc', lineno: 3, colno: 4, in_app: true },
            ],
          },
        },
      ],
    }
    await post([
      {
        type: 'event',
        payload: {
          event_id: eventId(1),
          exception,
          user: { id: 'u1', email: 'ana@msc.example', role: 'artist' },
          environment: 'staging',
          server_name: 'web-1',
          release: 'r1',
          contexts: { trace: { trace_id: traceId, span_id: spanId }, os: { name: 'Linux' } },
        },
      },
    ])
    expect(all()).toMatchObject([
      {
        kind: 'error',
        name: 'AggregateError: all failed',
        userId: 'anonymous:u1',
        traceId,
        release: 'r1',
        payload: {
          eventId: eventId(1),
          handled: false,
          user: { id: 'u1', email: '[email]', role: 'artist' },
          environment: 'staging',
          serverName: 'web-1',
          contexts: { os: { name: 'Linux' } },
          spanId,
          receivedFrom: 'sentry',
          errors: [
            {
              id: 0,
              isGroup: true,
              frames: [
                { function: 'payOut', file: '/app/pay.ts', line: 3, column: 4, inApp: true },
                { function: 'outer', inApp: false },
              ],
            },
            { id: 1, parentId: 0, source: 'errors[0]' },
          ],
        },
      },
    ])
  })

  it('is a message if nothing was thrown', async () => {
    const { post, all } = setup()
    await post([{ type: 'event', payload: { event_id: eventId(1), message: 'hello', level: 'warning' } }])
    expect(all()).toMatchObject([{ kind: 'message', name: 'hello', payload: { level: 'warning' } }])
  })

  it('is grouped like our own driver’s, or as its sender chose, but never into a group of the server', async () => {
    const { send, post, all } = setup()
    const bodies: string[] = []
    const capture: typeof fetch = async (_, init) => {
      bodies.push(String(init?.body))
      return new Response('{}')
    }
    const monitoring = createMonitoring({ driver: sentry({ dsn: 'http://key@127.0.0.1/1', fetch: capture }) })
    const fail = (): RangeError => new RangeError('too far by 17 metres')
    monitoring.captureException(fail())
    monitoring.captureException(fail(), { fingerprint: 'mine' })
    await monitoring.close()
    for (const body of bodies) await send(body)
    const [computed, chosen] = all().map(({ fingerprint }) => fingerprint as string)
    await post([{ type: 'event', payload: { message: 'x', fingerprint: [computed] } }])
    await post([{ type: 'event', payload: { message: 'y', fingerprint: ['mine'] } }])
    await post([{ type: 'event', payload: { message: 'too', fingerprint: ['{{ default }}'] } }])
    const [, , stranger, group, standard] = all().map(({ fingerprint }) => fingerprint)
    expect(computed).toMatch(/^browser:[\da-f]{16}$/)
    expect(chosen).not.toBe(computed)
    expect(stranger).not.toBe(computed)
    expect(group).toBe(chosen)
    await post([{ type: 'event', payload: { message: 'too' } }])
    expect(all().at(-1)?.fingerprint).toBe(standard)
  })

  it('is kept once, however often it is sent', async () => {
    const { post, all } = setup()
    for (let i = 0; i < 3; i++) await post([{ type: 'event', payload: { event_id: eventId(7), message: 'once' } }])
    expect(all()).toHaveLength(1)
  })

  it('keeps a limited number of errors, frames, breadcrumbs and tags, the nearest of each', async () => {
    const { post, all } = setup()
    const frames = Array.from({ length: 100 }, (_, i) => ({ function: `f${i}`, filename: 'a.ts' }))
    await post([
      {
        type: 'event',
        payload: {
          exception: {
            values: Array.from({ length: 30 }, (_, i) => ({ type: 'E', value: `e${i}`, stacktrace: { frames } })),
          },
          breadcrumbs: Array.from({ length: 500 }, (_, i) => ({ message: `b${i}` })),
          tags: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`t${i}`, 'x'])),
        },
      },
    ])
    const { errors, breadcrumbs, tags } = (all()[0] as JournalRecord).payload as Record<string, never[]>
    expect(errors).toHaveLength(20)
    expect(errors?.[0]).toMatchObject({ message: 'e29' })
    const { frames: kept } = (errors as unknown as { frames: object[] }[])[0] as { frames: object[] }
    expect(kept).toHaveLength(60)
    expect(kept[0]).toMatchObject({ function: 'f99' })
    expect(breadcrumbs).toHaveLength(100)
    expect(breadcrumbs?.at(-1)).toMatchObject({ message: 'b499' })
    expect(Object.keys(tags ?? {})).toHaveLength(50)
  })
})

describe('the other items of Sentry', () => {
  it('become records of their kinds', async () => {
    const { post, all, clock } = setup()
    const at = clock.now() / 1000
    const span = { trace_id: traceId, span_id: spanId, start_timestamp: at - 2, end_timestamp: at - 1, status: 'ok' }
    const answer = await post([
      {
        type: 'check_in',
        payload: { check_in_id: eventId(1), monitor_slug: 'payouts', status: 'ok', duration: 1.5 },
      },
      {
        type: 'session',
        payload: { sid: eventId(2), status: 'crashed', errors: 1, init: true, attrs: { release: 'r' } },
      },
      {
        type: 'sessions',
        payload: { aggregates: [{ started: new Date(clock.now()).toISOString(), exited: 3, errored: 1 }] },
      },
      {
        type: 'feedback',
        payload: { event_id: eventId(3), contexts: { feedback: { message: 'The button is dead' } } },
      },
      {
        type: 'log',
        payload: {
          items: [
            {
              timestamp: at,
              level: 'warn',
              body: 'low',
              trace_id: traceId,
              attributes: { a: { value: 1, type: 'integer' } },
            },
          ],
        },
      },
      {
        type: 'trace_metric',
        payload: { items: [{ timestamp: at, name: 'paid', type: 'counter', value: 2, unit: 'euro' }] },
      },
      {
        type: 'span',
        payload: {
          items: [{ ...span, name: 'GET /', attributes: { 'sentry.op': { value: 'http.server', type: 'string' } } }],
        },
      },
      {
        type: 'transaction',
        payload: {
          event_id: eventId(4),
          transaction: 'GET /releases',
          start_timestamp: at - 3,
          timestamp: at,
          contexts: {
            trace: { trace_id: traceId, span_id: 'c7ad6b7169203331', op: 'http.server', status: 'internal_error' },
          },
          spans: [
            {
              ...span,
              span_id: 'd7ad6b7169203331',
              parent_span_id: 'c7ad6b7169203331',
              op: 'db',
              description: 'SELECT 1',
            },
          ],
        },
      },
      {
        type: 'client_report',
        payload: { timestamp: at, discarded_events: [{ reason: 'queue_overflow', category: 'error', quantity: 3 }] },
      },
    ])
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({})
    expect(all()).toMatchObject([
      { kind: 'check-in', name: 'payouts: ok', payload: { durationMs: 1500, checkInId: eventId(1) } },
      { kind: 'session', name: 'crashed', release: 'r', payload: { errors: 1 } },
      { kind: 'session', name: '3 exited, 1 errored' },
      { kind: 'feedback', name: 'The button is dead' },
      { kind: 'log', name: 'low', traceId, payload: { level: 'warning', attributes: { a: 1 } } },
      { kind: 'metric', name: 'paid', payload: { value: 2, unit: 'euro', type: 'counter' } },
      {
        kind: 'span',
        name: 'GET /',
        ts: clock.now() - 2000,
        payload: { operation: 'http.server', endTimestamp: clock.now() - 1000, status: 'ok' },
      },
      { kind: 'span', name: 'GET /releases', payload: { status: 'error', endTimestamp: clock.now() } },
      { kind: 'span', name: 'SELECT 1', payload: { parentSpanId: 'c7ad6b7169203331', operation: 'db' } },
      { kind: 'drops', name: '3 error: queue_overflow' },
    ])
  })

  it('are counted by type when the journal has no place for them', async () => {
    const { post, all } = setup()
    const answer = await post([
      { type: 'replay_event', payload: {} },
      { type: 'attachment', payload: 'text', headers: { length: 4 } },
      { type: 'attachment', payload: 'more', headers: { length: 4 } },
      { type: 'span', payload: { items: [] } },
      { type: 'event', payload: 'not json' },
      { type: 'event', payload: { message: 'kept' } },
    ])
    const counts = [
      { type: 'replay_event', count: 1 },
      { type: 'attachment', count: 2 },
      { type: 'span', count: 1 },
      { type: 'event', count: 1 },
    ]
    expect(await answer.json()).toEqual({ notKept: counts })
    expect(all()).toMatchObject([
      { kind: 'message', name: 'kept' },
      {
        kind: 'drop',
        name: '1 replay_event, 2 attachment, 1 span, 1 event: not kept',
        payload: { counts: counts.map(({ type, count }) => ({ kind: type, reason: 'not kept', count })) },
      },
    ])
  })

  it('are kept when a later item is cut off', async () => {
    const { send, envelope, all } = setup()
    const whole = envelope([{ type: 'event', payload: { message: 'whole' } }])
    const answer = await send(`${whole}\n{"type":"attachment","length":5000}\nbytes`)
    expect(answer.status).toBe(200)
    expect(all().map(({ kind, name }) => [kind, name])).toEqual([
      ['message', 'whole'],
      ['drop', '1 a truncated item: not kept'],
    ])
  })

  it('have their times by the server’s clock', async () => {
    const { post, all, clock } = setup()
    const slow = clock.now() - 7_200_000
    const items = [{ type: 'event', payload: { message: 'slow', timestamp: slow / 1000 - 60 } }]
    await post(items, { sent_at: new Date(slow).toISOString() })
    await post([{ type: 'event', payload: { message: 'absurd', timestamp: 1e300 } }])
    expect(all().map(({ ts }) => ts)).toEqual([clock.now() - 60_000, clock.now()])
  })
})
