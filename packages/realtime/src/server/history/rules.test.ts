import { describe, expect, it } from 'vitest'
import { keepingBy } from './rules.ts'

describe('what is kept', () => {
  it('is said by the first rule that fits, by name, prefix or function, and by whether the topic is private', () => {
    const of = keepingBy([
      { topics: 'room:vip', messages: 5, keep: '1m' },
      { topics: 'room:*', private: true, actions: 'author' },
      { topics: (topic) => topic.endsWith(':log'), messages: 7 },
    ])
    expect(of('room:vip', false)).toEqual({ messages: 5, keepMs: 60_000, actions: 'none' })
    expect(of('room:1', true)).toEqual({ messages: 100, keepMs: 7_200_000, actions: 'author' })
    expect(of('room:1', false)).toBeUndefined()
    expect(of('a:log', false)?.messages).toBe(7)
    expect(of('room:', true)).toBeDefined()
    // Feeds have a history of their own.
    expect(keepingBy([{ topics: '*' }])('feed:items:a', true)).toBeUndefined()
  })

  it.each([
    [{}],
    [{ topics: '' }],
    [{ topics: 'a', messages: 0 }],
    [{ topics: 'a', keep: 'soon' }],
    [{ topics: 'a', actions: 'all' }],
  ])('is refused where a rule is none: %j', (rule) => {
    expect(() => keepingBy([rule as never])).toThrow(/\[msc\/realtime\]/)
  })

  it('is refused where there is no list', () => {
    expect(() => keepingBy({ topics: 'a' } as never)).toThrow(/no list/)
  })
})
