import { createMemoryJournal, setJournal } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { createAnalytics } from '../create-analytics.ts'
import { startPostHogServer, type PostHogServer } from '../testing/index.ts'
import { conformanceFlags, testAnalyticsDriver, testFlagSource } from '../testing/conformance/index.ts'
import { fromPostHogWire, fromRecord } from '../testing/read-back.ts'
import { browserLocal } from './browser-local.ts'
import { local, localFlags } from './local.ts'
import { posthogBrowser, posthogBrowserFlags } from './posthog-browser.ts'
import { posthog, posthogFlags, posthogFromEnv } from './posthog.ts'

const key = 'phc_loopback0123456789'

testAnalyticsDriver('local', async () => {
  const journal = createMemoryJournal({ capacity: 5000 })
  const driver = local({ journal })
  return {
    driver,
    received: () => journal.query({ limit: 5000 }).toReversed().map(fromRecord),
    close: driver.close,
  }
})

testAnalyticsDriver('browser-local, over a fetch that records its requests', async () => {
  const records: Parameters<typeof fromRecord>[0][] = []
  let broken = false
  let refused: string | undefined
  const driver = browserLocal({
    ingestUrl: '/api/msc/browser',
    fetch: async (_url, init) => {
      if (broken) throw new TypeError('Failed to fetch')
      const body = String(init?.body)
      if (refused !== undefined && body.includes(refused)) return new Response(null, { status: 400 })
      const sent = JSON.parse(body) as { records: typeof records }
      for (const record of sent.records) {
        if (!records.some(({ payload }) => payload['eventId'] === record.payload['eventId'])) records.push(record)
      }
      return new Response(null, { status: 204 })
    },
  })
  return {
    driver,
    received: () => records.map(fromRecord),
    breakBackend: () => (broken = true),
    mendBackend: () => (broken = false),
    refuseContent: (text) => (refused = text),
    close: driver.close,
  }
})

describe.each([
  ['posthog', posthog, posthogFlags],
  ['posthog-browser', posthogBrowser, posthogBrowserFlags],
] as const)('%s', (name, make, makeFlags) => {
  testAnalyticsDriver(`${name}, over loopback`, async () => {
    const server = await startPostHogServer({ key })
    return {
      driver: make({ key, host: server.url }),
      received: () => server.events.map(fromPostHogWire),
      breakBackend: () => (server.behaviour = 'error'),
      mendBackend: () => (server.behaviour = 'ok'),
      refuseContent: (text) => {
        server.refuse = text === undefined ? undefined : ({ body }) => (body.includes(text) ? 400 : undefined)
      },
      close: () => server.close(),
    }
  })

  testFlagSource(`${name}, over loopback`, async () => {
    const server = await startPostHogServer({ key, flags: conformanceFlags })
    return {
      source: makeFlags({ key, host: server.url }),
      breakBackend: () => (server.behaviour = 'error'),
      mendBackend: () => (server.behaviour = 'ok'),
      close: () => server.close(),
    }
  })
})

testFlagSource('local', async () => {
  const source = localFlags({
    'new-dashboard': {},
    'old-dashboard': { active: false },
    checkout: { variants: [{ key: 'express', rollout: 100 }] },
  })
  return { source, close: source.close }
})

describe('posthog when things go wrong', () => {
  const withServer = async (run: (server: PostHogServer) => Promise<void>): Promise<void> => {
    const server = await startPostHogServer({ key, flags: conformanceFlags })
    try {
      await run(server)
    } finally {
      await server.close()
    }
  }
  const engine = (server: PostHogServer, options: Partial<Parameters<typeof createAnalytics>[0]> = {}) => {
    const drops: string[] = []
    const errors: (Error & { code?: string })[] = []
    const analytics = createAnalytics({
      driver: posthog({ key, host: server.url }),
      flags: posthogFlags({ key, host: server.url }),
      flushIntervalMs: 1,
      onDrop: ({ count, kind, reason, detail }) => drops.push(`${count} ${kind} ${reason}: ${detail}`),
      onError: (error) => errors.push(error),
      ...options,
    })
    return { analytics, drops, errors }
  }

  it.each([
    [
      'silent',
      'DEADLINE_EXCEEDED',
      /posthog at http.*did not answer/,
      /NEXT_PUBLIC_POSTHOG_KEY, NEXT_PUBLIC_POSTHOG_HOST/,
    ],
    ['error', 'DRIVER_FAILED', /503/, undefined],
    ['reset', 'DRIVER_UNREACHABLE', /closed the connection/, undefined],
    ['unauthorized', 'DRIVER_UNAUTHORIZED', /401/, /NEXT_PUBLIC_POSTHOG_KEY/],
    ['html', 'DRIVER_NOT_THE_BACKEND', /HTML/, /NEXT_PUBLIC_POSTHOG_HOST/],
    ['garbage', 'DRIVER_NOT_THE_BACKEND', /HTML/, /NEXT_PUBLIC_POSTHOG_HOST/],
    ['redirect', 'DRIVER_REDIRECTED', /308/, /NEXT_PUBLIC_POSTHOG_HOST/],
    ['rate-limited', 'DRIVER_RATE_LIMITED', /429\. Calls are accepted again from 2\d{3}-/, undefined],
  ] as const)('%s: no caller waits or fails, and health says what to do', async (behaviour, code, detail, hint) => {
    await withServer(async (server) => {
      server.behaviour = behaviour
      const { analytics } = engine(server, { timeoutMs: 100, flagTimeoutMs: 100 })
      await analytics.track('u', 'e')
      expect(await analytics.isFeatureEnabled('new-dashboard', 'u')).toBe(false)
      const health = await analytics.health({ timeoutMs: 150 })
      expect(health).toMatchObject({ status: behaviour === 'rate-limited' ? 'degraded' : 'down', code })
      expect(health.detail).toMatch(detail)
      if (hint) expect(health.hint).toMatch(hint)
      await analytics.close({ timeoutMs: 200 })
      expect(analytics.stats()).toMatchObject({ accepted: 1, delivered: 0, dropped: 1, queued: 0, inFlight: 0 })
    })
  })

  it('proves the key in a health check, which bills no evaluation', async () => {
    await withServer(async (server) => {
      const wrong = createAnalytics({ driver: posthog({ key: 'phc_other', host: server.url }) })
      expect(await wrong.health()).toMatchObject({
        status: 'down',
        code: 'DRIVER_UNAUTHORIZED',
        hint: expect.stringContaining('NEXT_PUBLIC_POSTHOG_KEY'),
      })
      const { analytics } = engine(server)
      expect(await analytics.health()).toMatchObject({ status: 'ready' })
      expect(await analytics.flagService?.health()).toMatchObject({ status: 'ready', concern: 'flags' })
      expect(server.evaluations).toEqual([])
      expect(server.events).toEqual([])
      await Promise.all([wrong.close(), analytics.close()])
    })
  })

  it('delivers all of a batch that is too large for the endpoint, and counts it as delivered', async () => {
    await withServer(async (server) => {
      server.refuse = ({ body }) => (body.length > 20_000 ? 413 : undefined)
      const { analytics, drops } = engine(server)
      for (let i = 0; i < 100; i++) void analytics.track('u', `e${i}`, { text: 'x'.repeat(600) })
      await analytics.close()
      expect(server.events.map(({ event }) => event).toSorted()).toEqual(
        Array.from({ length: 100 }, (_, i) => `e${i}`).toSorted(),
      )
      expect(drops).toEqual([])
      expect(analytics.stats()).toMatchObject({ accepted: 100, delivered: 100, dropped: 0 })
    })
  })

  it('loses only the one event of a hundred that is too large for the endpoint', async () => {
    await withServer(async (server) => {
      server.refuse = ({ body }) => (body.length > 40_000 ? 413 : undefined)
      const { analytics, drops } = engine(server)
      for (let i = 0; i < 100; i++) {
        void analytics.track(
          'u',
          `e${i}`,
          i === 50 ? { list: Array.from({ length: 20 }, () => 'x y '.repeat(2000)) } : {},
        )
      }
      await analytics.close()
      expect(server.events).toHaveLength(99)
      expect(drops).toEqual([expect.stringMatching(/^1 track too large: .*413/)])
    })
  })

  it('waits as long as Retry-After says', async () => {
    const clock = createManualClock()
    let requests = 0
    const fetch = async (): Promise<Response> => {
      requests += 1
      return requests === 1
        ? Response.json({}, { status: 429, headers: { 'retry-after': '30' } })
        : Response.json({ status: 1 })
    }
    const analytics = createAnalytics({ driver: posthog({ key, fetch }), clock, flushIntervalMs: 1 })
    await analytics.track('u', 'e')
    await clock.advance(1)
    // The response body is read in real time, which the manual clock does not control.
    await expect.poll(() => analytics.stats().inFlight).toBe(0)
    await clock.advance(29_990)
    expect(requests).toBe(1)
    await clock.advance(20)
    await expect.poll(() => analytics.stats().delivered).toBe(1)
    expect(requests).toBe(2)
    await analytics.close()
  })

  it('loses nothing when the server restarts while the engine closes', async () => {
    const first = await startPostHogServer({ key })
    const port = Number(new URL(first.url).port)
    const { analytics } = engine(first)
    await first.close()
    for (let i = 0; i < 50; i++) void analytics.track('u', `e${i}`)
    const closing = analytics.close({ timeoutMs: 10_000 })
    const second = await startPostHogServer({ key, port })
    await closing
    expect(second.events).toHaveLength(50)
    expect(analytics.stats()).toMatchObject({ delivered: 50, dropped: 0 })
    await second.close()
  })

  it('reports a used-up quota, for events and for flags separately', async () => {
    await withServer(async (server) => {
      server.behaviour = 'quota'
      const { analytics, drops, errors } = engine(server)
      await analytics.track('u', 'e')
      expect(await analytics.getFeatureFlag('checkout', 'u', { fallback: 'slow' })).toBe('slow')
      await analytics.close()
      expect(drops).toEqual([expect.stringMatching(/^1 track unauthorized: .*quota of events/)])
      expect(errors.map(({ code }) => code)).toEqual(['DRIVER_QUOTA', 'DRIVER_QUOTA'])
    })
  })

  it('delivers events while flags are refused, and evaluates flags while events are refused', async () => {
    await withServer(async (server) => {
      server.refuse = ({ path }) => (path === '/flags' ? 402 : undefined)
      const { analytics } = engine(server)
      for (let i = 0; i < 10; i++) await analytics.getFeatureFlag('checkout', `u${i}`)
      await analytics.track('u', 'e')
      await analytics.flush()
      expect(server.events.map(({ event }) => event)).toEqual(['e'])
      expect(analytics.stats()).toMatchObject({ delivered: 1, dropped: 0 })
      await analytics.close()

      server.refuse = ({ path }) => (path === '/batch' ? 503 : undefined)
      const other = engine(server).analytics
      for (let i = 0; i < 10; i++) {
        await other.track('u', 'e')
        await other.flush({ timeoutMs: 20 })
      }
      expect(await other.getFeatureFlag('checkout', 'u')).toBe('express')
      await other.close({ timeoutMs: 50 })
    })
  })
})

describe('configuration', () => {
  it('chooses PostHog by its key, and names a missing variable', () => {
    expect(posthogFromEnv({})).toBeUndefined()
    expect(posthogFromEnv({ NEXT_PUBLIC_POSTHOG_KEY: key })?.driver).toMatchObject({
      name: 'posthog',
      endpoint: 'https://us.i.posthog.com',
    })
    expect(() => posthogFromEnv({ NEXT_PUBLIC_POSTHOG_HOST: 'https://x' })).toThrow(/NEXT_PUBLIC_POSTHOG_KEY/)
  })
  it.each([
    'not a url',
    'localhost:8000',
    'javascript:alert(1)',
    'ftp://x',
    'file:///x',
    'https://user:word@ph.example',
  ])('rejects the host %s', (host) => {
    expect(() => posthog({ key, host })).toThrow(expect.objectContaining({ code: 'POSTHOG_HOST_INVALID' }))
  })
  it.each(['', 'phx_0123', 'undefined', '"phc_x"', 'phc x'])('rejects the key %j, without repeating it', (wrong) => {
    expect(() => posthog({ key: wrong })).toThrow(expect.objectContaining({ code: 'POSTHOG_KEY_INVALID' }))
    if (wrong) expect(() => posthog({ key: wrong })).not.toThrow(new RegExp(wrong.slice(0, 4)))
  })
  it('keeps the path of a proxy', () => {
    expect(posthog({ key, host: 'https://app.example/ingest/' }).endpoint).toBe('https://app.example/ingest')
  })
})

it('flushes the local driver’s journal synchronously at the end of the process', () => {
  const calls: string[] = []
  const journal = createMemoryJournal()
  setJournal({
    ...journal,
    append: (entry) => {
      calls.push('append')
      return journal.append(entry)
    },
    flushSync: () => void calls.push('flushSync'),
  })
  const id = crypto.randomUUID()
  const message = { kind: 'track', event: 'e', properties: {} } as const
  local().sendSync?.([{ id, at: 1, subject: { distinctId: 'u' }, source: 'server', message }])
  setJournal(undefined)
  expect(calls).toEqual(['append', 'flushSync'])
})
