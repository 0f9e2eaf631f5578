import type { Health, Service } from '@msc/core'
import { expect, it } from 'vitest'
import { createPlatform } from './create-platform.ts'

function service(concern: string, overrides: Partial<Service> = {}): Service {
  return {
    concern,
    driverName: 'memory',
    health: async () => ({ concern, driver: 'memory', status: 'ready' }),
    flush: async () => {},
    close: async () => {},
    ...overrides,
  }
}

it('checks all services and takes the worst; one that is silent or throws is down and delays none', async () => {
  const platform = createPlatform({
    timeoutMs: 30,
    services: {
      cache: service('cache'),
      jobs: service('jobs', { health: () => new Promise(() => {}) }),
      realtime: service('realtime', { health: () => Promise.reject(new Error('refused')) }),
    },
  })
  const health = await platform.health()
  expect(health.status).toBe('down')
  expect(health.services.map(({ concern, status }) => [concern, status])).toEqual([
    ['cache', 'ready'],
    ['jobs', 'down'],
    ['realtime', 'down'],
  ])
  expect(health.services[2]?.detail).toBe('refused')
})

it('does not report an invalid answer as ready, and shows no secret of a service that fails', async () => {
  const platform = createPlatform({
    services: {
      cache: service('cache', { health: async () => undefined as never }),
      jobs: service('jobs', { health: async () => ({ concern: 'jobs', driver: 'own', status: 'fine' as never }) }),
      realtime: service('realtime', { health: () => Promise.reject(new Error('refused password=hunter2')) }),
    },
  })
  const { status, services } = await platform.health()
  expect([status, ...services.map((each) => each.status)]).toEqual(['down', 'down', 'down', 'down'])
  expect(services[2]?.detail).toBe('refused password=[redacted]')
})

it('says since when a service is not ready, and forgets it when it is', async () => {
  let status: Health['status'] = 'ready'
  const lastError = { at: Date.parse('2026-01-02T03:04:05Z'), operation: 'get', message: 'no' }
  const platform = createPlatform({
    services: {
      cache: service('cache', { health: async () => ({ concern: 'cache', driver: 'own', status, lastError }) }),
      jobs: service('jobs', { health: async () => ({ concern: 'jobs', driver: 'own', status }) }),
    },
  })
  const since = async (): Promise<(string | undefined)[]> =>
    (await platform.health()).services.map((each) => each.since)
  expect(await since()).toEqual([undefined, undefined])
  status = 'degraded'
  const first = await since()
  expect(first).toEqual(['2026-01-02T03:04:05.000Z', expect.stringMatching(/^20/)])
  status = 'down'
  expect(await since()).toEqual(first)
  status = 'ready'
  expect(await since()).toEqual([undefined, undefined])
})

it('survives a service whose fields all throw', async () => {
  const hostile = service('realtime', {
    health: () => Promise.reject(Object.defineProperty(new Error('x'), 'message', { get: throwing })),
  })
  for (const name of ['concern', 'driverName']) Object.defineProperty(hostile, name, { get: throwing })
  const platform = createPlatform({ services: { own: hostile, cache: service('cache') } })
  expect((await platform.health()).services).toEqual([
    {
      concern: 'own',
      driver: 'unknown',
      status: 'down',
      detail: 'It failed without a message.',
      since: expect.any(String),
    },
    { concern: 'cache', driver: 'memory', status: 'ready' },
  ])
})

function throwing(): never {
  throw new Error('unreadable')
}

it('closes once, in reverse order, and names the services that did not finish', async () => {
  const closed: string[] = []
  const platform = createPlatform({
    timeoutMs: 30,
    services: {
      monitoring: service('monitoring', { close: async () => void closed.push('monitoring') }),
      cache: service('cache', { close: () => new Promise(() => {}) }),
      jobs: service('jobs', { close: async () => void closed.push('jobs') }),
    },
  })
  const [first, second] = await Promise.all([platform.close(), platform.close()])
  expect(closed).toEqual(['jobs', 'monitoring'])
  expect(first).toEqual(['cache'])
  expect(second).toEqual(['cache'])
})

it.each([
  [undefined, '`services.own` is missing'],
  [null, '`services.own` is null'],
  [{}, '`services.own` does not implement health, flush, close'],
  [{ ...service('own'), flush: 1 }, '`services.own` does not implement flush'],
])('rejects an invalid service: %j', (own, words) => {
  expect(() => createPlatform({ services: { own: own as never, cache: service('cache') } })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(words) }),
  )
})
