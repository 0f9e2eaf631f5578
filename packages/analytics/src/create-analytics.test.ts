import { DriverError, createMemoryJournal, newTrace, withContext } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAnalytics, type AnalyticsOptions } from './create-analytics.ts'
import { createAnalyticsFromEnv } from './default-analytics.ts'
import type { AnalyticsEvent } from './driver.ts'
import { local } from './drivers/local.ts'
import { bucket, evaluateFlag } from './flags.ts'
import { decodePostHogBody } from './testing/index.ts'

function setUp(options: Partial<AnalyticsOptions> = {}) {
  const clock = createManualClock()
  const batches: (readonly AnalyticsEvent[])[] = []
  let failure: Error | undefined
  const drops: [number, string][] = []
  const analytics = createAnalytics({
    clock,
    onDrop: (...drop) => drops.push(drop),
    driver: {
      ...local({ journal: createMemoryJournal() }),
      async send(events) {
        if (failure) throw failure
        batches.push(events)
      },
    },
    ...options,
  })
  return { clock, analytics, batches, drops, fail: (error?: Error) => (failure = error) }
}

describe('delivery', () => {
  it('waits a moment for company, then sends one batch', async () => {
    const { analytics, clock, batches } = setUp()
    await analytics.track('u', 'a')
    await analytics.track('u', 'b')
    await clock.advance(499)
    expect(batches).toHaveLength(0)
    await clock.advance(1)
    expect(batches.map((batch) => batch.map(({ event }) => event))).toEqual([['a', 'b']])
    expect(clock.pending).toBe(0)
  })

  it('sends at once when a batch is full', async () => {
    const { analytics, clock, batches } = setUp({ batchSize: 10 })
    for (let i = 0; i < 25; i++) await analytics.track('u', 'e')
    await clock.advance(0)
    expect(batches.flat().length).toBeGreaterThanOrEqual(20)
  })

  it('keeps events while the backend is away, in order, and delivers each once when it is back', async () => {
    const { analytics, clock, batches, drops, fail } = setUp({ batchSize: 3 })
    fail(new DriverError('x', 'away', { retryable: true }))
    for (let i = 0; i < 8; i++) await analytics.track('u', `e${i}`)
    await clock.advance(60_000)
    expect(batches).toEqual([])
    fail(undefined)
    await clock.advance(120_000)
    expect(batches.flat().map(({ event }) => event)).toEqual(Array.from({ length: 8 }, (_, i) => `e${i}`))
    expect(drops).toEqual([])
    expect(analytics.stats()).toEqual({ accepted: 8, delivered: 8, dropped: 0, queued: 0 })
  })

  it('holds no more than its bound, and says what it dropped', async () => {
    const { analytics, drops, fail } = setUp({ maxQueue: 5 })
    fail(new DriverError('x', 'away', { retryable: true }))
    for (let i = 0; i < 9; i++) await analytics.track('u', 'e')
    expect(analytics.stats()).toMatchObject({ accepted: 5, dropped: 4, queued: 5 })
    expect(drops).toEqual(Array.from({ length: 4 }, () => [1, 'queue full']))
  })

  it('does not send again what the backend refuses', async () => {
    const { analytics, clock, drops, fail } = setUp()
    fail(new DriverError('x', 'bad key'))
    await analytics.track('u', 'e')
    await clock.advance(600)
    expect(drops).toEqual([[1, 'refused']])
    expect(analytics.stats().queued).toBe(0)
  })

  it('delivers what is queued when it is closed, and counts what comes after', async () => {
    const { analytics, batches, drops } = setUp()
    await analytics.track('u', 'e')
    await analytics.close()
    await analytics.close()
    expect(batches.flat()).toHaveLength(1)
    await analytics.track('u', 'late')
    expect(drops).toEqual([[1, 'closed']])
  })

  it('carries the trace, and redacts before the driver sees anything', async () => {
    const { analytics, batches } = setUp()
    const trace = newTrace()
    await withContext({ trace }, () => analytics.track('u', 'e', { apiKey: 'k', note: 'a@b.example' }))
    await analytics.flush()
    expect(batches[0]?.[0]?.properties).toEqual({ apiKey: '[redacted]', note: '[email]', $trace_id: trace.traceId })
  })
})

describe('a catalogue', () => {
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof (value as { title?: unknown }).title === 'string'
          ? { value: value as Record<string, unknown> }
          : { issues: [{ message: 'must be text', path: ['title'] }] },
    },
  }
  it('refuses what it does not know and what does not fit; nothing is queued', async () => {
    const { analytics } = setUp({ catalogue: { release_created: schema } })
    await analytics.track('u', 'release_created', { title: 'a' })
    await expect(analytics.track('u', 'relaese_created')).rejects.toMatchObject({ code: 'ANALYTICS_EVENT_UNKNOWN' })
    await expect(analytics.track('u', 'release_created', { title: 1 })).rejects.toThrow(/title: must be text/)
    expect(analytics.stats().accepted).toBe(1)
  })
  it.each([
    ['', 'e'],
    ['u', ''],
  ])('or not, (%j, %j) is refused', async (user, event) => {
    await expect(setUp().analytics.track(user, event)).rejects.toMatchObject({ code: 'ANALYTICS_INVALID' })
  })
})

describe('flags', () => {
  it('put people in the buckets that PostHog does', async () => {
    // SHA-1("beta.distinct-7") and SHA-1("beta.distinct-7variant"), computed apart from this code.
    const { createHash } = await import('node:crypto')
    for (const salt of ['', 'variant']) {
      const hex = createHash('sha1').update(`beta.distinct-7${salt}`).digest('hex').slice(0, 15)
      expect(await bucket('beta', 'distinct-7', salt)).toBe(Number(BigInt(`0x${hex}`)) / 2 ** 60)
    }
  })
  it('roll out to about the share they name, always to the same people', async () => {
    const flag = { rollout: 30 }
    const values = await Promise.all(
      Array.from({ length: 2000 }, (_, i) => evaluateFlag('f', flag, { distinctId: `u${i}`, properties: {} })),
    )
    const share = values.filter(({ value }) => value).length / 2000
    expect(share).toBeGreaterThan(0.26)
    expect(share).toBeLessThan(0.34)
    expect(await evaluateFlag('f', flag, { distinctId: 'u7', properties: {} })).toEqual(values[7])
  })
  it('obey overrides, then activity, then targeting', async () => {
    const flag = { active: false, overrides: { me: 'blue' }, match: { plan: 'pro' } }
    expect((await evaluateFlag('f', flag, { distinctId: 'me', properties: {} })).value).toBe('blue')
    expect((await evaluateFlag('f', flag, { distinctId: 'you', properties: { plan: 'pro' } })).reason).toBe('disabled')
    const targeted = { match: { plan: 'pro' } }
    expect((await evaluateFlag('f', targeted, { distinctId: 'you', properties: { plan: 'free' } })).value).toBe(false)
    expect((await evaluateFlag('f', targeted, { distinctId: 'you', properties: { plan: 'pro' } })).value).toBe(true)
  })
})

describe('the wire decoder', () => {
  it('throws an Error, and nothing worse, for garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        try {
          expect(decodePostHogBody(body).events).toBeInstanceOf(Array)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })
  it('reads the beacon form', () => {
    const data = Buffer.from(JSON.stringify({ event: 'e', properties: { token: 't', distinct_id: 'd' } })).toString(
      'base64',
    )
    const body = new TextEncoder().encode(`data=${encodeURIComponent(data)}`)
    expect(decodePostHogBody(body)).toMatchObject({ apiKey: 't', events: [{ event: 'e', distinctId: 'd' }] })
  })
})

it('chooses PostHog by its key, else the journal, and refuses that in production', () => {
  expect(createAnalyticsFromEnv({ NEXT_PUBLIC_POSTHOG_KEY: 'phc_x' }).driverName).toBe('posthog')
  expect(createAnalyticsFromEnv({ MSC_QUIET: '1' }).driverName).toBe('local')
  expect(() => createAnalyticsFromEnv({ NODE_ENV: 'production' })).toThrow(/analytics/)
})
