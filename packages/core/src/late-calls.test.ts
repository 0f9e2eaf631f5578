import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLateCalls } from './late-calls.ts'

interface Engine {
  readonly heard: string[]
}

let count = 0
function setUp() {
  vi.stubGlobal('document', {})
  const calls = createLateCalls<Engine>(`late-calls-${(count += 1)}`)
  const say = (what: string, keep?: 'newest' | 'always'): void => calls.perform(({ heard }) => heard.push(what), keep)
  const come = (): string[] => {
    const heard: string[] = []
    calls.resolve({ heard })
    return heard
  }
  return { calls, say, come }
}

afterEach(() => vi.unstubAllGlobals())

describe('calls of an engine that comes late', () => {
  it('are made in their order; of too many, those that came first', () => {
    const { calls, say, come } = setUp()
    for (let i = 0; i < 130; i++) say(`${i}`)
    expect(come()).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
    expect(calls.dropped).toBe(30)
  })

  it('always say who somebody is', () => {
    const { calls, say, come } = setUp()
    say('alice', 'always')
    for (let i = 0; i < 99; i++) say(`${i}`)
    say('nobody', 'always')
    say('bob', 'always')
    say('of bob')
    const heard = come()
    expect(heard.slice(-3)).toEqual(['98', 'nobody', 'bob'])
    expect(calls.dropped).toBe(1)
  })

  it('end with who it is in the end, however often that changes', () => {
    const { say, come } = setUp()
    for (let i = 0; i < 5000; i++) say(`person ${i}`, 'always')
    const heard = come()
    expect([heard.length, heard.at(-1)]).toEqual([1000, 'person 4999'])
  })

  it('keep the newest breadcrumbs, and what is no breadcrumb', () => {
    const { calls, say, come } = setUp()
    say('error')
    for (let i = 0; i < 150; i++) say(`click ${i}`, 'newest')
    const heard = come()
    expect([heard.length, heard[0], heard[1], heard.at(-1)]).toEqual([100, 'error', 'click 51', 'click 149'])
    expect(calls.dropped).toBe(0)
  })

  it('are kept for nobody on a server', () => {
    const { calls, say, come } = setUp()
    vi.unstubAllGlobals()
    say('alice', 'always')
    expect([come(), calls.dropped]).toEqual([[], 1])
  })
})
