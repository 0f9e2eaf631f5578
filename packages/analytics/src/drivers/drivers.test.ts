import { createMemoryJournal } from '@msc/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAnalytics } from '../create-analytics.ts'
import { conformanceFlags, startPostHogServer, testAnalyticsDriver, type PostHogServer } from '../testing/index.ts'
import { local } from './local.ts'
import { posthog, posthogFromEnv } from './posthog.ts'

const key = 'phc_loopback0123456789'

testAnalyticsDriver('local', async () => {
  const journal = createMemoryJournal({ capacity: 5000 })
  const flags = {
    'new-dashboard': {},
    'old-dashboard': { active: false },
    checkout: { variants: [{ key: 'express', rollout: 100 }] },
  }
  const driver = local({ journal, flags })
  return {
    driver,
    received: () =>
      journal
        .query({ limit: 5000 })
        .toReversed()
        .map((record) => ({
          event: record.name,
          distinctId: record.userId ?? '',
          properties: record.payload['properties'] as Record<string, unknown>,
        })),
    close: driver.close,
  }
})

testAnalyticsDriver('posthog, the real SDK over loopback', async () => {
  const server = await startPostHogServer({ key, flags: conformanceFlags })
  const driver = posthog({ key, host: server.url })
  return {
    driver,
    received: () => server.events,
    breakBackend: () => (server.behaviour = 'error'),
    mendBackend: () => (server.behaviour = 'ok'),
    async close() {
      await driver.close()
      await server.close()
    },
  }
})

describe('posthog when things go wrong', () => {
  let server: PostHogServer
  beforeAll(async () => {
    server = await startPostHogServer({ key, flags: conformanceFlags })
  })
  afterAll(() => server.close())

  it.each(['silent', 'error', 'reset', 'unauthorized'] as const)(
    'never holds up or fails the caller while the server is %s',
    async (behaviour) => {
      server.behaviour = behaviour
      const drops: string[] = []
      const analytics = createAnalytics({
        driver: posthog({ key, host: server.url }),
        timeoutMs: 150,
        flagTimeoutMs: 150,
        onDrop: (count, reason) => drops.push(`${count} ${reason}`),
      })
      await analytics.track('u', 'e')
      expect(await analytics.isFeatureEnabled('new-dashboard', 'u')).toBe(false)
      await analytics.flush()
      expect((await analytics.health({ timeoutMs: 150 })).status).toBe('down')
      await analytics.close()
      expect(drops).toEqual([behaviour === 'unauthorized' ? '1 refused' : '1 closed'])
      server.behaviour = 'ok'
    },
  )
})

describe('posthog configuration', () => {
  it('needs a key, and a host that is a URL', () => {
    expect(posthogFromEnv({})).toBeUndefined()
    expect(posthogFromEnv({ NEXT_PUBLIC_POSTHOG_KEY: key })?.name).toBe('posthog')
    expect(() => posthogFromEnv({ NEXT_PUBLIC_POSTHOG_HOST: 'https://x' })).toThrow(/NEXT_PUBLIC_POSTHOG_KEY/)
    expect(() => posthog({ key, host: 'not a url' })).toThrow(/not a URL/)
  })
})
