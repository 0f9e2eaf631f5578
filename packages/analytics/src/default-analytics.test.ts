import { createMemoryJournal, setErrorReporter, setJournal } from '@msc/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createAnalyticsFromEnv,
  flushEvents,
  getDefaultAnalytics,
  getFeatureFlag,
  identifyServerUser,
  isFeatureEnabled,
  setDefaultAnalytics,
  trackAIRequest,
  trackAPIRequest,
  trackDatabaseQuery,
  trackServerEvent,
  unconfiguredCalls,
} from './default-analytics.ts'

const QUIET = { MSC_QUIET: '1' }

describe('from the environment', () => {
  it('uses PostHog with its key, else the journal, which production refuses', async () => {
    const vendor = createAnalyticsFromEnv({ processEnd: false }, { NEXT_PUBLIC_POSTHOG_KEY: 'phc_x' })
    expect([vendor.driverName, vendor.flagService?.driverName]).toEqual(['posthog', 'posthog'])
    const embedded = createAnalyticsFromEnv({ processEnd: false, flags: { beta: {} } }, QUIET)
    expect(embedded.driverName).toBe('local')
    expect(await embedded.isFeatureEnabled('beta', 'u')).toBe(true)
    expect(() => createAnalyticsFromEnv({}, { NODE_ENV: 'production' })).toThrow(
      expect.objectContaining({ code: 'EMBEDDED_IN_PRODUCTION' }),
    )
    await Promise.all([vendor.close(), embedded.close()])
  })
})

describe('the named functions', () => {
  const journal = createMemoryJournal()
  beforeEach(() => {
    setJournal(journal)
    setDefaultAnalytics(createAnalyticsFromEnv({ processEnd: false, flags: { beta: {} } }, QUIET))
  })
  afterEach(async () => {
    await getDefaultAnalytics().close()
    setDefaultAnalytics(undefined)
    setJournal(undefined)
  })

  it('record the events that the original documentation promises', async () => {
    await trackServerEvent('u', 'release_created', { release_id: '1' })
    await identifyServerUser('u', { role: 'artist' })
    await trackAPIRequest('u', '/api/releases', 'POST', 201, 12)
    await trackDatabaseQuery('u', 'insert', 'releases', 3)
    await trackAIRequest('u', 'gpt-4', 1500, 2000, false)
    expect(await getFeatureFlag('beta', 'u')).toBe(true)
    expect(await isFeatureEnabled('gamma', 'u')).toBe(false)
    await flushEvents()
    const records = journal.query().toReversed()
    expect(records.map(({ kind, name, userId }) => [kind, name, userId])).toEqual([
      ['event', 'release_created', 'u'],
      ['event', 'identify', 'u'],
      ['event', 'api_request', 'u'],
      ['event', 'database_query', 'u'],
      ['event', 'ai', 'u'],
      ['exposure', 'beta', 'u'],
    ])
    expect(records[4]?.payload['properties']).toEqual({
      operation: 'generation',
      model: 'gpt-4',
      usage: { total: 1500 },
      latencyMs: 2000,
      failed: true,
    })
  })
})

describe('with a wrong configuration', () => {
  const { NODE_ENV, NEXT_PUBLIC_POSTHOG_KEY } = process.env
  const reported: string[] = []
  let restore = (): void => {}
  beforeEach(() => {
    setDefaultAnalytics(undefined)
    restore = setErrorReporter((error) => reported.push(error.message))
    Object.assign(process.env, { NODE_ENV: 'production', NEXT_PUBLIC_POSTHOG_KEY: 'phx_0123' })
  })
  afterEach(() => {
    restore()
    Object.assign(process.env, { NODE_ENV, NEXT_PUBLIC_POSTHOG_KEY: NEXT_PUBLIC_POSTHOG_KEY ?? '' })
    setDefaultAnalytics(undefined)
  })

  it('throws when it is made, and never from a call: each is dropped and counted, and the fault is reported once', async () => {
    expect(() => getDefaultAnalytics()).toThrow(expect.objectContaining({ code: 'POSTHOG_KEY_INVALID' }))
    const before = unconfiguredCalls()
    await trackServerEvent('u', 'e')
    await identifyServerUser('u')
    await trackAIRequest('u', 'm', 1, 1, true)
    await flushEvents()
    expect(await getFeatureFlag('f', 'u', { fallback: 'blue' })).toBe('blue')
    expect(await isFeatureEnabled('f', 'u')).toBe(false)
    expect(unconfiguredCalls() - before).toBe(6)
    expect(reported).toHaveLength(1)
  })
})
