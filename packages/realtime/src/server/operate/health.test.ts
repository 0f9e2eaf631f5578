import { afterEach, describe, expect, it, vi } from 'vitest'
import { createMemoryBusHub, memoryBus, type MemoryBus } from '../../bus/index.ts'
import { createRealtime } from '../../create-realtime.ts'
import { hubs } from '../../client/hub.ts'
import { embedded } from '../../drivers/embedded.ts'
import type { FeedStats } from '../../feed/source.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'
import { judgeHealth } from './health.ts'

const WELL: FeedStats = { mode: 'listening', waiting: 0, pruneLagMs: 0 }
const BUS = {
  name: 'redis',
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
const OUTBOX = { rows: 1, bytes: 1, isGrowing: false }
const MIB = 1024 * 1024
type Numbers = Parameters<typeof judgeHealth>[0]
const reasonsOf = (numbers: Partial<Numbers>): readonly string[] =>
  judgeHealth({ waitingBytes: 0, ...numbers } as Numbers).reasons

describe('a server is degraded', () => {
  it.each<readonly [string, string, Partial<Numbers>, Partial<Numbers>]>([
    [
      'the feeds are not listened to yet',
      'FEEDS_NOT_HEARD',
      { feeds: { ...WELL, mode: 'starting' } },
      { feeds: { ...WELL, mode: 'polling' } },
    ],
    [
      'the connection that listens is lost',
      'FEEDS_NOT_HEARD',
      { feeds: { ...WELL, isDeaf: true } },
      { feeds: { ...WELL, isDeaf: false } },
    ],
    [
      'rows wait for more than 30 s',
      'FEEDS_LATE',
      { feeds: { ...WELL, lagMs: 30_001 } },
      { feeds: { ...WELL, lagMs: 30_000 } },
    ],
    [
      'pruning is late by more than an hour',
      'PRUNING_LATE',
      { feeds: { ...WELL, pruneLagMs: 3_600_001 } },
      { feeds: { ...WELL, pruneLagMs: 3_600_000 } },
    ],
    [
      'the outbox grows faster than it is pruned',
      'OUTBOX_GROWS',
      { feeds: { ...WELL, outbox: { ...OUTBOX, isGrowing: true } } },
      { feeds: { ...WELL, outbox: OUTBOX } },
    ],
    ['the bus fails', 'BUS_FAILING', { bus: { ...BUS, failing: true } }, { bus: BUS }],
    ['the bus is not heard', 'BUS_NOT_HEARD', { bus: { ...BUS, isDeaf: true } }, { bus: BUS }],
    [
      'rooms wait with more than half of what may wait',
      'ROOMS_WAIT',
      { waitingBytes: 32 * MIB + 1 },
      { waitingBytes: 32 * MIB },
    ],
  ])('while %s', (_while, reason, ill, well) => {
    expect(reasonsOf(ill)).toEqual([reason])
    expect(reasonsOf(well)).toEqual([])
  })
})

describe('a server over a bus', () => {
  const serve = (bus: MemoryBus): Promise<StandaloneServer> =>
    startRealtimeServer({
      jwtSecret: 'a-secret-for-tests-that-is-long-enough-0123',
      authorize: () => true,
      bus,
      onError: () => undefined,
    })
  const reasonsOfServer = (server: StandaloneServer): readonly string[] =>
    server.stats().health.reasons.filter((reason) => reason !== 'BUS_FAILING')

  it('is degraded while it does not hear the others, also where it could send, and well again once it does', async () => {
    const bus = memoryBus(createMemoryBusHub())
    const server = await serve(bus)
    await server.ready
    expect(reasonsOfServer(server)).toEqual([])
    bus.cut()
    expect(reasonsOfServer(server)).toEqual(['BUS_NOT_HEARD'])
    bus.mend()
    expect(reasonsOfServer(server)).toEqual([])
    await server.close()
  })

  it('is degraded until its bus has begun, and for good where that never does', async () => {
    const bus = memoryBus(createMemoryBusHub())
    bus.start = () => Promise.reject(new Error('behind a pooler'))
    const server = await serve(bus)
    expect(reasonsOfServer(server)).toEqual(['BUS_NOT_HEARD'])
    await expect(server.ready).rejects.toThrow('behind a pooler')
    expect(reasonsOfServer(server)).toEqual(['BUS_NOT_HEARD'])
    await server.close()
  })
})

describe('the embedded driver', () => {
  afterEach(() => {
    hubs().clear()
    vi.unstubAllGlobals()
  })
  const healthOf = async (url?: string) => {
    const realtime = createRealtime({ driver: embedded(url === undefined ? {} : { url }), onError: () => undefined })
    const health = await realtime.health()
    await realtime.close()
    return health
  }

  it('says degraded, and why, beside a server that is and far from it', async () => {
    let mode: FeedStats['mode'] = 'starting'
    const server = await startRealtimeServer({
      jwtSecret: 'a-secret-for-tests-that-is-long-enough-0123',
      authorize: () => true,
      feeds: {
        start: async () => undefined,
        since: async () => ({ cursor: '', events: [], gap: false, more: false }),
        replay: async () => [],
        stats: () => ({ ...WELL, mode }),
        close: async () => undefined,
      },
    })
    const url = `${server.url}/realtime/v1`
    const detail = '[msc/realtime] [embedded] The server is degraded: the database is not listened to.'
    const degraded = { status: 'degraded', code: 'DRIVER_DEGRADED', detail: expect.stringContaining(detail.slice(26)) }
    expect(await healthOf()).toMatchObject(degraded)
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'degraded', reasons: ['FEEDS_NOT_HEARD'] })
    hubs().clear()
    expect(await healthOf(url)).toMatchObject(degraded)
    mode = 'listening'
    expect(await healthOf(url)).toMatchObject({ status: 'ready' })
    await server.close()
  })

  it.each([
    ['{"status":"degraded"}', 'it does not say why'],
    ['{"status":"degraded","reasons":["<b>","DISK_FULL","__proto__",3,null]}', 'The server is degraded: DISK_FULL.'],
    ['{"status":"degraded","reasons":"all"}', 'it does not say why'],
  ])('shows of %s what a reason can be', async (body, detail) => {
    vi.stubGlobal('fetch', async () => new Response(body, { headers: { 'content-type': 'application/json' } }))
    expect(await healthOf('http://127.0.0.1:1/realtime/v1')).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining(detail),
    })
  })

  it.each(['{"status":"ok"}', '{"status":3}', 'null', ''])('is ready where the server says %j', async (body) => {
    vi.stubGlobal('fetch', async () => new Response(body, { headers: { 'content-type': 'application/json' } }))
    expect((await healthOf('http://127.0.0.1:1/realtime/v1')).status).toBe('ready')
  })
})
