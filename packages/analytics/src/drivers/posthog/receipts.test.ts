import { expect, it } from 'vitest'
import type { AnalyticsDriver } from '../../driver.ts'
import { createAnalytics } from '../../create-analytics.ts'
import { posthog, posthogFlags } from '../posthog.ts'
import { isReceipt } from './request.ts'

const flags = { flags: {}, errorsWhileComputingFlags: false }
const driver = (events: () => Response, answered: unknown = flags): AnalyticsDriver =>
  posthog({
    key: 'phc_key',
    host: 'https://posthog.example',
    fetch: async (url) => (String(url).includes('/flags/') ? Response.json(answered) : events()),
  })
const healthOf = (made: AnalyticsDriver): Promise<unknown> =>
  made.health(new AbortController().signal).then(
    () => 'ready',
    (error: unknown) => error,
  )

it.each([{ status: 1 }, { status: 'Ok' }, { status: 1, quota_limited: ['events'] }, undefined])(
  'accepts %j as PostHog’s receipt',
  (said) => expect(isReceipt(said)).toBe(true),
)

it.each([{ ok: true }, {}, [], null, 1, { status: 200 }, { status: 'error' }])(
  'does not accept %j as PostHog’s receipt',
  (said) => expect(isReceipt(said)).toBe(false),
)

it('is ready when the empty batch is refused in PostHog’s words and the flags are answered', async () => {
  expect(await healthOf(driver(() => new Response('request holds no event', { status: 400 })))).toBe('ready')
})

it.each([
  ['events', { ok: true }, flags],
  ['events', [], flags],
  ['flags', { status: 1 }, { ok: true }],
  ['flags', { status: 1 }, []],
])('is down when another API answers %s: %j, %j', async (_what, said, answered) => {
  expect(await healthOf(driver(() => Response.json(said), answered))).toMatchObject({
    code: 'DRIVER_NOT_THE_BACKEND',
    hint: expect.stringContaining('NEXT_PUBLIC_POSTHOG_HOST'),
  })
})

/**
 * Like a proxy in Express (`response.send(text)`) or Django (`HttpResponse(text)`), which labels every answer as HTML.
 */
const typedAsHtml = (text: string, status = 200): Response =>
  new Response(text, { status, headers: { 'content-type': 'text/html; charset=utf-8' } })

it.each(['{"status":"Ok"}', '{"status":1}', ''])(
  'delivers through a proxy that labels every answer as HTML: %j',
  async (text) => {
    const options = {
      key: 'phc_key',
      host: 'https://posthog.example',
      fetch: async (url: unknown) =>
        String(url).includes('/flags/')
          ? typedAsHtml('{"flags":{"beta":{"key":"beta","enabled":true}}}')
          : typedAsHtml(text),
    }
    const analytics = createAnalytics({ driver: posthog(options), flags: posthogFlags(options) })
    await analytics.track('ana', 'release submitted')
    // Reading a flag records its exposure, which is an event too.
    expect(await analytics.isFeatureEnabled('beta', 'ana')).toBe(true)
    expect((await analytics.health()).status).toBe('ready')
    await analytics.close()
    expect(analytics.stats()).toMatchObject({ delivered: 2, dropped: 0 })
  },
)

it('reads a refusal through such a proxy as a refusal', async () => {
  const refusing = driver(() => typedAsHtml('{"type":"validation_error"}', 400))
  expect(await healthOf(refusing)).toBe('ready')
  const analytics = createAnalytics({ driver: refusing })
  await analytics.track('ana', 'release submitted')
  await analytics.close()
  expect(analytics.stats()).toMatchObject({ delivered: 0, dropped: 1 })
})

it.each([
  ['<html>', 200],
  ['<html>', 400],
])('does not take a page for an answer: %s with %i', async (text, status) => {
  expect(await healthOf(driver(() => typedAsHtml(text, status)))).toMatchObject({ code: 'DRIVER_NOT_THE_BACKEND' })
})
