import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FeedSource } from '../feed/source.ts'
import { signTestToken } from '../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const page = { gap: false, more: false, cursor: '00000000-0000-4000-8000-000000000000:1:1:', events: [] }
const asked: number[] = []
const feeds: FeedSource = {
  start: async () => undefined,
  since: async (_topic, _after, max) => {
    asked.push(max)
    return page
  },
  replay: async () => [],
  close: async () => undefined,
}
let server: StandaloneServer
beforeAll(async () => {
  const history = [{ topics: 'room:*' }]
  server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    feeds,
    history,
    limits: { perAddress: false },
  })
  for (let n = 1; n <= 5; n++) {
    await server.publish({ topic: 'room:1', event: 'note', payload: { n }, private: false })
  }
})
afterAll(() => server.close())

describe('how much of a history is read', () => {
  it('is as much as the application asks a server for', async () => {
    const read = async (limit?: number): Promise<unknown[]> =>
      (await server.history('room:1', { limit })).messages.map(({ payload }) => (payload as { n: number }).n)
    expect([await read(), await read(2), await read(1)]).toEqual([[1, 2, 3, 4, 5], [4, 5], [5]])
  })

  it.each([
    { limit: 0 },
    { limit: -1 },
    { limit: 1.5 },
    { limit: Number.NaN },
    { limit: '5' },
    { limit: null },
    { ms: 0 },
    { ms: Infinity },
    { before: 5 },
    { id: {} },
  ])('is no page in place of another wish, which is refused as a channel refuses it: %j', async (wish) => {
    await expect(server.history('room:1', wish as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it.each([
    [undefined, 200],
    [null, 200],
    [1, 200],
    [5000, 200],
    [0, 422],
    [-1, 422],
    [1.5, 422],
    ['5', 422],
  ])(
    'is as much of a feed as a request asks for, and none for a `max` that is no number of rows: %j',
    async (max, status) => {
      asked.length = 0
      const response = await fetch(`${server.url}/rest/v1/rpc/msc_feed_since`, {
        method: 'POST',
        body: JSON.stringify({ topic: 'feed:items:a', max }),
        headers: { authorization: `Bearer ${await signTestToken(jwtSecret, { sub: 'a' })}` },
      })
      expect(response.status).toBe(status)
      expect(asked).toEqual(status === 422 ? [] : [typeof max === 'number' ? Math.min(max, 1000) : 500])
    },
  )
})
