import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAnalytics } from '../create-analytics.ts'
import type { AnalyticsDriver, FlagValue } from '../driver.ts'

export interface AnalyticsDriverSetup {
  readonly driver: AnalyticsDriver
  /** What the backend has received, in order. */
  readonly received: () => readonly { event: string; distinctId: string; properties: Record<string, unknown> }[]
  /** Makes the backend refuse, where it can. */
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  readonly close: () => Promise<void>
}

/** Flags that `setUp` must give to everybody. */
export const conformanceFlags: Readonly<Record<string, FlagValue>> = {
  'new-dashboard': true,
  'old-dashboard': false,
  checkout: 'express',
}

/** What every driver of `@msc/analytics` promises. */
export function testAnalyticsDriver(name: string, setUp: () => Promise<AnalyticsDriverSetup>): void {
  describe(`analytics driver: ${name}`, () => {
    const signal = new AbortController().signal
    let setup: AnalyticsDriverSetup
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())
    const event = (rest: Partial<{ event: string; distinctId: string; properties: Record<string, unknown> }> = {}) => ({
      id: crypto.randomUUID(),
      event: 'release_created',
      distinctId: 'user-1',
      timestamp: Date.now(),
      properties: { title: 'Night Drive', tracks: 3, nested: { a: [1, null] } },
      ...rest,
    })

    it('declares version 1 of the contract and answers a health check', async () => {
      expect(setup.driver.specificationVersion).toBe(1)
      await setup.driver.health(signal)
    })

    it('delivers a batch whole and in order, properties intact', async () => {
      const before = setup.received().length
      await setup.driver.send([event(), event({ event: 'second', distinctId: 'user-2' })], signal)
      const arrived = setup.received().slice(before)
      expect(arrived.map((each) => [each.event, each.distinctId])).toEqual([
        ['release_created', 'user-1'],
        ['second', 'user-2'],
      ])
      expect(arrived[0]?.properties).toMatchObject({ title: 'Night Drive', tracks: 3, nested: { a: [1, null] } })
    })

    it('delivers 250 events in one call', async () => {
      const before = setup.received().length
      await setup.driver.send(
        Array.from({ length: 250 }, (_, i) => event({ event: `e${i}` })),
        signal,
      )
      expect(
        setup
          .received()
          .slice(before)
          .map((each) => each.event),
      ).toEqual(Array.from({ length: 250 }, (_, i) => `e${i}`))
    })

    it('keeps nothing back when it rejects: the next batch holds no event of the failed one', async () => {
      if (!setup.breakBackend || !setup.mendBackend) return
      const before = setup.received().length
      setup.breakBackend()
      await expect(setup.driver.send([event({ event: 'lost' })], signal)).rejects.toMatchObject({ retryable: true })
      setup.mendBackend()
      await setup.driver.send([event({ event: 'kept' })], signal)
      expect(
        setup
          .received()
          .slice(before)
          .map((each) => each.event),
      ).toEqual(['kept'])
    })

    it('evaluates flags', async () => {
      const flags = await setup.driver.evaluateFlags?.({ distinctId: 'user-1', properties: { plan: 'pro' } }, signal)
      expect(Object.fromEntries(Object.entries(flags ?? {}).map(([key, { value }]) => [key, value]))).toEqual(
        conformanceFlags,
      )
    })

    it('works behind the engine: tracked, redacted, identified, flushed', async () => {
      const analytics = createAnalytics({ driver: { ...setup.driver, close: async () => {} } })
      const before = setup.received().length
      await analytics.track('user-3', 'signed_in', { password: 'night-drive', method: 'email' })
      await analytics.identify('user-3', { role: 'artist' })
      await analytics.flush()
      const arrived = setup.received().slice(before)
      expect(arrived.map((each) => each.event)).toEqual(['signed_in', '$identify'])
      expect(arrived[0]?.properties).toMatchObject({ password: '[redacted]', method: 'email' })
      expect(arrived[1]?.properties['$set']).toMatchObject({ role: 'artist' })
      expect(await analytics.getFeatureFlag('checkout', 'user-3')).toBe('express')
      expect(await analytics.isFeatureEnabled('old-dashboard', 'user-3')).toBe(false)
      expect(await analytics.getFeatureFlag('unknown', 'user-3', { fallback: 'blue' })).toBe('blue')
      await analytics.close()
    })
  })
}
