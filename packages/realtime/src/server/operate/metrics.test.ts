import { onTelemetry, type TelemetryEvent } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus } from '../../bus/memory.ts'
import type { FeedSource } from '../../feed/source.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'
import { createRooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { metricsText } from './metrics-text.ts'
import { createSampling } from './sampling.ts'
import type { RealtimeStats } from './stats.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
const stops: (() => void)[] = []
const reported: string[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) stop()
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
  reported.length = 0
})

async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const onError = (error: Error): void => void reported.push(error.message)
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, onError, ...options })
  servers.push(server)
  return server
}
async function join(server: StandaloneServer, sub: string, topic: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
  sockets.push(socket)
  await socket.ask(`realtime:${topic}`, 'phx_join', { config: { broadcast: { ack: true } } })
  return socket
}
const ask = async (server: StandaloneServer, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/realtime/v1/metrics`, { headers })
const asService = async (): Promise<Record<string, string>> => ({
  authorization: `Bearer ${await signTestToken(jwtSecret, { role: 'service_role' })}`,
})

/** The samples of a text in the format, by name and labels. Throws for a line that is neither a sample nor a comment. */
function samplesOf(text: string): Record<string, number> {
  const samples: Record<string, number> = {}
  for (const line of text.trimEnd().split('\n')) {
    if (/^# (HELP|TYPE) msc_realtime_[a-z_]+ \S/.test(line) || line === '# EOF') continue
    const sample = /^(msc_realtime_[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"\})?) (-?\d+(?:\.\d+)?)$/.exec(line)
    if (!sample) throw new Error(`This is no sample: ${line}`)
    samples[sample[1] as string] = Number(sample[2])
  }
  return samples
}

const feeds = (stats: NonNullable<FeedSource['stats']>): FeedSource => ({
  start: async () => undefined,
  since: async () => ({ cursor: '', events: [], gap: false, more: false }),
  replay: async () => [],
  stats,
  close: async () => undefined,
})
const WELL = { mode: 'listening', waiting: 0, pruneLagMs: 0 } as const

describe('the metrics of a server', () => {
  it('are for the service role alone, by default', async () => {
    const server = await serve()
    const user = { authorization: `Bearer ${await signTestToken(jwtSecret, { sub: 'a' })}` }
    expect((await ask(server)).status).toBe(401)
    expect((await ask(server, user)).status).toBe(403)
    expect((await ask(server, await asService())).status).toBe(200)
  })

  it('are for whoever the application lets in, which says no when it fails', async () => {
    const server = await serve({
      metrics: {
        async allow({ headers }) {
          if (headers.has('x-fail')) throw new Error('Not now.')
          return headers.get('x-scraper') === 'ours'
        },
      },
    })
    expect((await ask(server, { 'x-scraper': 'ours' })).status).toBe(200)
    expect((await ask(server, { 'x-scraper': 'theirs' })).status).toBe(401)
    expect((await ask(server, { 'x-scraper': 'ours', 'x-fail': '1' })).status).toBe(401)
    expect(reported).toEqual(['Not now.'])
    expect((await ask(server, await asService())).status).toBe(200)
  })

  it('count who is there, by transport, and what was sent, delivered, refused and ended', async () => {
    const server = await serve()
    const ana = await join(server, 'ana', 'lobby')
    const ben = await join(server, 'ben', 'lobby')
    await ana.ask('realtime:lobby', 'broadcast', { event: 'e', payload: {} })
    await ana.ask('realtime:lobby', 'nonsense')
    server.kick({ topic: 'lobby', sub: 'ben' })
    server.disconnect({ sub: 'ben' })
    await ben.ended
    const response = await ask(server, await asService())
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(samplesOf(await response.text())).toMatchObject({
      'msc_realtime_connections{transport="websocket"}': 1,
      'msc_realtime_connections{transport="polling"}': 0,
      msc_realtime_rooms: 1,
      msc_realtime_members: 1,
      msc_realtime_joins_total: 2,
      msc_realtime_leaves_total: 1,
      msc_realtime_broadcasts_total: 1,
      msc_realtime_deliveries_total: 1,
      msc_realtime_kicked_total: 1,
      msc_realtime_ended_total: 1,
      'msc_realtime_refused_total{code="PAYLOAD_INVALID"}': 1,
      msc_realtime_waiting_bytes: 0,
      msc_realtime_degraded: 0,
    })
  })

  it('say how feeds, bus and history are doing, in seconds and bytes', async () => {
    const server = await serve({
      feeds: feeds(() => ({
        ...WELL,
        waiting: 3,
        lagMs: 1500,
        gaps: 2,
        outbox: { rows: 70, bytes: 8192, isGrowing: false },
      })),
      bus: memoryBus(createMemoryBusHub()),
      history: [{ topics: 'kept:*' }],
    })
    await server.publish({ topic: 'kept:a', event: 'e', payload: {}, private: false })
    expect(samplesOf(await (await ask(server, await asService())).text())).toMatchObject({
      msc_realtime_feed_heard: 1,
      msc_realtime_feed_waiting_rows: 3,
      msc_realtime_feed_lag_seconds: 1.5,
      msc_realtime_feed_gaps_total: 2,
      msc_realtime_outbox_rows: 70,
      msc_realtime_outbox_bytes: 8192,
      'msc_realtime_bus_others{bus="memory"}': 0,
      'msc_realtime_bus_failing{bus="memory"}': 0,
      msc_realtime_history_topics: 1,
      msc_realtime_history_messages: 1,
      msc_realtime_history_bytes: 202,
    })
  })

  it('are OpenMetrics for whoever accepts that', async () => {
    const server = await serve()
    await join(server, 'ana', 'lobby')
    const headers = { ...(await asService()), accept: 'application/openmetrics-text; version=1.0.0,text/plain;q=0.5' }
    const response = await ask(server, headers)
    expect(response.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    const text = await response.text()
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(text).toContain('# TYPE msc_realtime_joins counter\nmsc_realtime_joins_total 1\n')
    samplesOf(text)
  })

  it('are there whatever a source of feeds says of itself, or throws', async () => {
    let broken = false
    const server = await serve({
      feeds: feeds(() => {
        if (broken) throw new Error('No numbers.')
        return { ...WELL, lagMs: Number.NaN, waiting: Infinity }
      }),
    })
    const samples = samplesOf(await (await ask(server, await asService())).text())
    expect(samples).not.toHaveProperty('msc_realtime_feed_lag_seconds')
    expect(samples).toHaveProperty('msc_realtime_feed_heard', 1)
    broken = true
    expect((await ask(server, await asService())).status).toBe(200)
    expect((await fetch(`${server.url}/realtime/v1/health`)).status).toBe(200)
    expect(reported).toContain('No numbers.')
  })

  it('escape what is not the server’s own', async () => {
    const server = await serve()
    const bus = {
      others: 0,
      sent: 0,
      waiting: 0,
      dropped: 0,
      received: 0,
      refused: 0,
      gaps: 0,
      failing: false,
      isDeaf: false,
    }
    const text = metricsText({ ...server.stats(), bus: { ...bus, name: 'a"\\\n# EOF' } }, 'prometheus')
    expect(samplesOf(text)).toHaveProperty(['msc_realtime_bus_sent_total{bus="a\\"\\\\\\n# EOF"}'], 0)
  })
})

it('gives telemetry one sample in ten seconds, of that time, and none while there is nothing to tell', async () => {
  const clock = createManualClock()
  const samples: Readonly<Record<string, unknown>>[] = []
  const hear = (event: TelemetryEvent): void => void samples.push(event.attributes)
  stops.push(onTelemetry(hear, { names: ['realtime.sample'] }))
  const server = await serve({ clock })
  await clock.advance(60_000)
  expect(samples).toEqual([])
  for (const event of ['a', 'b']) server.publish({ topic: 't', event, payload: {}, private: false })
  await clock.advance(5000)
  expect(server.inspect().totals().perSecond.broadcasts).toBeCloseTo(2 / 15)
  await clock.advance(5000)
  expect(samples).toMatchObject([{ connections: 0, broadcasts: 2, degraded: '' }])
  await clock.advance(20_000)
  expect(samples).toHaveLength(1)
  expect(server.inspect().totals().perSecond.broadcasts).toBe(0)
  server.publish({ topic: 't', event: 'c', payload: {}, private: false })
  await server.close()
  await clock.advance(60_000)
  expect(samples).toHaveLength(1)
})

it('tells telemetry once of all consumers that were too slow since the sample before', async () => {
  const clock = createManualClock()
  const told: unknown[] = []
  stops.push(onTelemetry(({ attributes }) => void told.push(attributes), { names: ['driver.drop'] }))
  const rooms = createRooms(createRuntime(clock))
  const refused: Record<string, number> = {}
  const stats = (): RealtimeStats => ({ refused, health: { status: 'ok', reasons: [] } }) as unknown as RealtimeStats
  const { close } = createSampling(rooms, stats, 10_000)
  await clock.advance(10_000)
  refused['SLOW_CONSUMER'] = 3000
  await clock.advance(30_000)
  refused['SLOW_CONSUMER'] = 3001
  await clock.advance(10_000)
  const drop = { concern: 'realtime', driver: 'embedded', reason: 'slow consumer' }
  expect(told).toEqual([
    { ...drop, count: 3000 },
    { ...drop, count: 1 },
  ])
  close()
})

it('tells telemetry when members are kicked, and tokens taken back', async () => {
  const told: unknown[] = []
  const hear = ({ name, attributes }: TelemetryEvent): void => void told.push([name, attributes])
  stops.push(onTelemetry(hear, { names: ['realtime.kick', 'realtime.revoke', 'realtime.disconnect'] }))
  const server = await serve()
  await join(server, 'ana', 'lobby')
  server.kick({ topic: 'lobby' })
  server.disconnect({ sub: 'nobody' })
  server.revoke({ sub: 'ana' })
  expect(told).toEqual([
    ['realtime.kick', { topic: 'lobby', count: 1 }],
    ['realtime.disconnect', { count: 0 }],
    ['realtime.revoke', { count: 1 }],
  ])
})

it.each([
  ['metrics.sampleMs', { metrics: { sampleMs: 0 } }],
  ['metrics', { metrics: { allow: 'all' } }],
  ['metrics', { metrics: 'on' }],
])('is not made with an invalid `%s`', async (_option, options) => {
  await expect(startRealtimeServer({ jwtSecret, authorize: () => true, ...(options as object) })).rejects.toMatchObject(
    {
      code: 'OPTION_INVALID',
    },
  )
})
