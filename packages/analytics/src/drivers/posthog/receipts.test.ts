import { expect, it } from 'vitest'
import type { AnalyticsDriver } from '../../driver.ts'
import { posthog } from '../posthog.ts'
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
  'PostHog’s receipt may be %j',
  (said) => expect(isReceipt(said)).toBe(true),
)

it.each([{ ok: true }, {}, [], null, 1, { status: 200 }, { status: 'error' }])('PostHog’s receipt is not %j', (said) =>
  expect(isReceipt(said)).toBe(false),
)

it('is ready where the batch of nothing is refused in words, and the flags are answered', async () => {
  expect(await healthOf(driver(() => new Response('request holds no event', { status: 400 })))).toBe('ready')
})

it.each([
  ['events', { ok: true }, flags],
  ['events', [], flags],
  ['flags', { status: 1 }, { ok: true }],
  ['flags', { status: 1 }, []],
])('is down where another API answers to %s: %j, %j', async (_what, said, answered) => {
  expect(await healthOf(driver(() => Response.json(said), answered))).toMatchObject({
    code: 'DRIVER_NOT_THE_BACKEND',
    hint: expect.stringContaining('NEXT_PUBLIC_POSTHOG_HOST'),
  })
})
