import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { createRuntime } from '../runtime.ts'
import { mayAct } from './actions.ts'
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
    const all = keepingBy([{ topics: '*' }, { topics: () => true }])
    expect(all('feed:items:a', true)).toBeUndefined()
    // What the database says to all feeds is nobody else's to say.
    for (const topic of ['feed!:access', 'feed!items']) expect(all(topic, false)).toBeUndefined()
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

  it('is not what a rule’s function can not say, which is reported once', () => {
    const reported: unknown[] = []
    const asks = (topic: string): boolean => {
      if (topic.startsWith('a')) throw new Error('No such room.')
      return true
    }
    const of = keepingBy([{ topics: asks }, { topics: 'ab', messages: 7 }], (error) => void reported.push(error))
    expect([of('a', false), of('ab', false)?.messages, of('b', false)?.messages]).toEqual([undefined, 7, 100])
    expect(reported).toMatchObject([{ message: 'No such room.' }])
  })

  it('is refused where there is no list', () => {
    expect(() => keepingBy({ topics: 'a' } as never)).toThrow(/no list/)
  })
})

describe('who may do something to a message', () => {
  const asked = { topic: 'room:1', private: false, action: 'delete', id: 'f1', author: 'ana' } as const
  const claims = { sub: 'ana', role: 'authenticated', exp: 4_000_000_000 }

  it('is nobody where no answer comes within five seconds, or the token has expired meanwhile', async () => {
    const clock = createManualClock(Date.now())
    const reported: unknown[] = []
    const runtime = createRuntime(clock, (error) => void reported.push(error))
    let signal: AbortSignal | undefined
    const answer = mayAct(
      (_asked, given) => {
        signal = given
        return new Promise(() => undefined)
      },
      { ...asked, claims },
      runtime,
    )
    await clock.advance(4999)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(await answer).toBe('unavailable')
    expect([signal?.aborted, reported.length]).toEqual([true, 1])
    expect(await mayAct(() => true, { ...asked, claims: { ...claims, exp: 1 } }, runtime)).toBe('denied')
    expect(await mayAct(() => 'yes' as never, { ...asked, claims }, runtime)).toBe('denied')
    expect(await mayAct(() => true, { ...asked, claims }, runtime)).toBe('allowed')
  })
})
