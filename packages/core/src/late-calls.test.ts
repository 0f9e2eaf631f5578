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
    const { calls, say, come } = setUp()
    for (let i = 0; i < 5000; i++) say(`person ${i}`, 'always')
    const heard = come()
    expect([heard.length, heard.at(-1)]).toEqual([1000, 'person 4999'])
    expect(calls.dropped).toBe(4000)
  })

  it('keep an error among any number of breadcrumbs, the oldest of which makes room', () => {
    const { calls, say, come } = setUp()
    for (let i = 0; i < 100; i++) say(`click ${i}`, 'newest')
    say('error')
    say('click 100', 'newest')
    const heard = come()
    expect([heard.length, heard[0], ...heard.slice(-3)]).toEqual([100, 'click 2', 'click 99', 'error', 'click 100'])
    expect(calls.dropped).toBe(0)
  })

  it('give up a breadcrumb before who somebody is', () => {
    const { calls, say, come } = setUp()
    say('click', 'newest')
    for (let i = 0; i < 1000; i++) say(`person ${i}`, 'always')
    expect(come()).toEqual(Array.from({ length: 1000 }, (_, i) => `person ${i}`))
    expect(calls.dropped).toBe(0)
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
