import { describe, expect, it } from 'vitest'
import { createRealtimeServer } from './index.ts'

const given = { jwtSecret: 'a-secret-for-tests-that-is-long-enough-0123', authorize: () => true }

describe('an option of a server that is misspelt', () => {
  it.each([
    ['histroy', { histroy: [] }],
    ['limits.perAcount', { limits: { perAcount: {} } }],
    ['limits.perAccount.sockts', { limits: { perAccount: { sockts: 3 } } }],
    ['limits.perAddress.sockts', { limits: { perAddress: { sockts: 3 } } }],
    ['metrics.alow', { metrics: { alow: () => true } }],
    ['history.topic', { history: [{ topics: 'a', topic: 'b' }] }],
    ['history.messages', { history: [{ topics: 'a', messages: 0 }] }, '`messages`'],
  ])('is refused by its name: %s', (name, options, shown = `\`${name}\``) => {
    expect(() => createRealtimeServer({ ...given, ...options } as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(shown) }),
    )
  })

  it.each(['room:*:chat', '*:chat', '**'])(
    'is a pattern of a history with a * that is not at its end: %s',
    (topics) => {
      expect(() => createRealtimeServer({ ...given, history: [{ topics }] })).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(topics) }),
      )
    },
  )

  it('is none that has a name, and may be left out', async () => {
    const server = createRealtimeServer({
      ...given,
      limits: { perAccount: false, perAddress: { sockets: 5 }, topics: 3 },
      history: [{ topics: '*', private: true }, { topics: (topic) => topic.includes('*') }],
      metrics: { sampleMs: 1000 },
    })
    await server.close()
  })
})
