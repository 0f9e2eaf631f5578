import { PostHog } from 'posthog-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createAnalytics } from '../../create-analytics.ts'
import type { WireEvent } from '../../posthog-wire.ts'
import { startPostHogServer, type PostHogServer } from '../../testing/index.ts'
import { posthog, posthogFlags } from '../posthog.ts'

const key = 'phc_loopback0123456789'
const AT = 1_750_000_000_000
const timestamp = new Date(AT)

/** Properties that name the library, or that each library chooses for itself. */
const OWN = new Set([
  '$lib',
  '$lib_version',
  '$feature_flag_id',
  '$feature_flag_evaluated_at',
  '$feature_flag_request_id',
])

function comparable({ event, distinctId, timestamp: at, properties }: WireEvent): object {
  const kept = Object.entries(properties).filter(([name]) => !OWN.has(name))
  return { event, distinctId, at, properties: Object.fromEntries(kept) }
}

describe('events arrive as posthog-node sends them', () => {
  let server: PostHogServer
  let sdk: PostHog
  beforeAll(async () => {
    server = await startPostHogServer({ key, flags: { checkout: 'express', off: false } })
    sdk = new PostHog(key, { host: server.url, flushAt: 100, preloadFeatureFlags: false })
  })
  afterAll(async () => {
    await sdk.shutdown()
    await server.close()
  })
  const ours = () =>
    createAnalytics({
      driver: posthog({ key, host: server.url }),
      flags: posthogFlags({ key, host: server.url }),
      strict: true,
    })

  /** Returns the events that each of the two sent. */
  async function both(bySdk: () => unknown, byUs: (analytics: ReturnType<typeof ours>) => unknown) {
    const from = server.events.length
    await bySdk()
    await sdk.flush()
    const middle = server.events.length
    const analytics = ours()
    await byUs(analytics)
    await analytics.close()
    return [server.events.slice(from, middle).map(comparable), server.events.slice(middle).map(comparable)] as const
  }

  it('for an event', async () => {
    const properties = { title: 'Night Drive', tracks: 3, nested: { a: [1, null] }, 'odd name': 'é' }
    const uuid = '0190b1a0-0000-7000-8000-000000000001'
    const groups = { company: 'msc' }
    const [theirs, own] = await both(
      () => sdk.capture({ distinctId: 'u', event: 'release_created', properties, timestamp, groups }),
      (analytics) =>
        analytics.record(
          { distinctId: 'u', groups },
          { kind: 'track', event: 'release_created', properties },
          { at: AT, id: uuid },
        ),
    )
    expect(theirs).toHaveLength(1)
    expect(own).toEqual(theirs)
    expect(server.events.at(-1)?.uuid).toBe(uuid)
  })

  it('for an anonymous event', async () => {
    const [theirs, own] = await both(
      () => sdk.capture({ distinctId: 'v', event: 'e', properties: { $process_person_profile: false }, timestamp }),
      (analytics) => analytics.record({ anonymousId: 'v' }, { kind: 'track', event: 'e', properties: {} }, { at: AT }),
    )
    expect(own).toEqual(theirs)
  })

  it('for a person, an alias and a group, except their times', async () => {
    const [theirs, own] = await both(
      () => {
        sdk.identify({ distinctId: 'u', properties: { $set: { role: 'artist' }, $set_once: { since: 2026 } } })
        sdk.alias({ distinctId: 'u', alias: 'old' })
        sdk.groupIdentify({ groupType: 'company', groupKey: 'msc', properties: { plan: 'pro' }, distinctId: 'u' })
      },
      async (analytics) => {
        await analytics.record('u', { kind: 'identify', set: { role: 'artist' }, setOnce: { since: 2026 } })
        await analytics.record('u', { kind: 'alias', alias: 'old' })
        await analytics.record('u', { kind: 'group', type: 'company', groupKey: 'msc', set: { plan: 'pro' } })
      },
    )
    const timeless = (events: readonly object[]) => events.map((event) => ({ ...event, at: undefined }))
    expect(theirs).toHaveLength(3)
    expect(timeless(own)).toEqual(timeless(theirs))
  })

  it('for an exposure, except the wording of the reason', async () => {
    // The SDK prints to the console that this method is deprecated.
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const from = server.evaluations.length
    const [theirs, own] = await both(
      () => sdk.getFeatureFlag('checkout', 'u9', { personProperties: { plan: 'pro' } }),
      (analytics) => analytics.getFeatureFlag('checkout', 'u9', { properties: { plan: 'pro' } }),
    )
    const plain = (events: readonly object[]) =>
      events.map((event) => ({
        ...event,
        at: undefined,
        properties: { ...(event as { properties: object }).properties, $feature_flag_reason: undefined },
      }))
    expect(theirs).toHaveLength(1)
    expect(plain(own)).toEqual(plain(theirs))
    const [asked, weAsked] = server.evaluations.slice(from)
    expect(weAsked).toEqual(asked)
  })
})
