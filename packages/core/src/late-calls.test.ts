import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLateCalls } from './late-calls.ts'

interface Engine {
  readonly made: string[]
}

let count = 0
function setUp() {
  vi.stubGlobal('document', {})
  const calls = createLateCalls<Engine>(`late-calls-${(count += 1)}`)
  const call = (what: string, keep?: 'newest' | 'always'): void => calls.perform(({ made }) => made.push(what), keep)
  const load = (): string[] => {
    const made: string[] = []
    calls.resolve({ made })
    return made
  }
  return { calls, call, load }
}

afterEach(() => vi.unstubAllGlobals())

describe('calls to an engine that loads late', () => {
  it('are made in order; of too many, the earliest are kept', () => {
    const { calls, call, load } = setUp()
    for (let i = 0; i < 130; i++) call(`${i}`)
    expect(load()).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
    expect(calls.dropped).toBe(30)
  })

  it('always keep the identification of a user', () => {
    const { calls, call, load } = setUp()
    call('alice', 'always')
    for (let i = 0; i < 99; i++) call(`${i}`)
    call('nobody', 'always')
    call('bob', 'always')
    call('of bob')
    const made = load()
    expect(made.slice(-3)).toEqual(['98', 'nobody', 'bob'])
    expect(calls.dropped).toBe(1)
  })

  it('end with the last identification however often it changes', () => {
    const { calls, call, load } = setUp()
    for (let i = 0; i < 5000; i++) call(`person ${i}`, 'always')
    const made = load()
    expect([made.length, made.at(-1)]).toEqual([1000, 'person 4999'])
    expect(calls.dropped).toBe(4000)
  })

  it('keep an error among any number of breadcrumbs, and drop the oldest of those', () => {
    const { calls, call, load } = setUp()
    for (let i = 0; i < 100; i++) call(`click ${i}`, 'newest')
    call('error')
    call('click 100', 'newest')
    const made = load()
    expect([made.length, made[0], ...made.slice(-3)]).toEqual([100, 'click 2', 'click 99', 'error', 'click 100'])
    expect(calls.dropped).toBe(0)
  })

  it('drop a breadcrumb before an identification', () => {
    const { calls, call, load } = setUp()
    call('click', 'newest')
    for (let i = 0; i < 1000; i++) call(`person ${i}`, 'always')
    expect(load()).toEqual(Array.from({ length: 1000 }, (_, i) => `person ${i}`))
    expect(calls.dropped).toBe(0)
  })

  it('keep the newest breadcrumbs and all other calls', () => {
    const { calls, call, load } = setUp()
    call('error')
    for (let i = 0; i < 150; i++) call(`click ${i}`, 'newest')
    const made = load()
    expect([made.length, made[0], made[1], made.at(-1)]).toEqual([100, 'error', 'click 51', 'click 149'])
    expect(calls.dropped).toBe(0)
  })

  it('are not queued on a server', () => {
    const { calls, call, load } = setUp()
    vi.unstubAllGlobals()
    call('alice', 'always')
    expect([load(), calls.dropped]).toEqual([[], 1])
  })
})
