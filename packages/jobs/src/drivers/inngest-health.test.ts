import { expect, it } from 'vitest'
import { inngest } from './inngest.ts'

const events = { status: 200, body: { ids: [''], status: 200 } }
const list = { status: 200, body: { data: [], metadata: {} } }
interface Answer {
  readonly status: number
  readonly body: unknown
}

async function health(event: Answer, api: Answer, headers: Record<string, string> = {}): Promise<unknown> {
  const driver = inngest({
    eventKey: 'key',
    signingKey: 'signkey-test-0123456789abcdef',
    baseUrl: 'http://127.0.0.1:1',
    sdk: {
      inngest: { Inngest: function Inngest() {} } as never,
      edge: { serve: () => async () => new Response() } as never,
    },
    fetch: async (input) => {
      const { status, body } = String(input).includes('/e/') ? event : api
      return Response.json(body, { status, headers })
    },
  })
  return driver.health(new AbortController().signal).then(
    () => 'ready',
    (error: unknown) => error,
  )
}

it.each<[string, Answer, Answer]>([
  ['takes the events', events, list],
  ['refuses a batch of nothing', { status: 400, body: { ids: [''], status: 400, error: 'no events' } }, list],
  ['is an older one of its own host', events, { status: 200, body: [] }],
  ['is an older one without an event', events, { status: 200, body: null }],
])('an Inngest that %s is ready', async (_what, event, api) => {
  expect(await health(event, api)).toBe('ready')
  // As a proxy written in Express or Django passes it on.
  expect(await health(event, api, { 'content-type': 'text/html' })).toBe('ready')
})

it.each<[string, Answer]>([
  ['{"ok":true}', { status: 200, body: { ok: true } }],
  ['a list', { status: 200, body: [] }],
  ['a refusal', { status: 400, body: { error: 'bad' } }],
  ['a refusal of the content', { status: 422, body: { error: 'x' } }],
])('%s of another API is no answer of Inngest', async (_what, answer) => {
  expect(await health(answer, answer)).toMatchObject({
    code: 'DRIVER_NOT_THE_BACKEND',
    hint: expect.stringContaining('INNGEST_BASE_URL'),
  })
})
