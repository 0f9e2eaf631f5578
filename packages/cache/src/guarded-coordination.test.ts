import { DriverError } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import type { CacheCoordination } from './coordination.ts'
import type { CacheDriver } from './driver.ts'
import { memory } from './drivers/memory.ts'
import { guardCoordination, type GuardedCoordination } from './guarded-coordination.ts'
import { createGuard } from './guarded-driver.ts'
import { memoryStore } from './testing/index.ts'

const claim = { key: 'k', lease: 'lease', token: 'a token' }
const record = { message: 'm', keepRecords: 10, keepMs: 1000 }

type Verb = Exclude<keyof CacheCoordination, 'listen'>

const calls: Readonly<Record<Verb, (store: GuardedCoordination, signal?: AbortSignal) => Promise<unknown>>> = {
  acquire: (store, signal) => store.acquire(claim, 1000, signal),
  renew: (store, signal) => store.renew(claim, 1000, signal),
  commit: (store, signal) => store.commit(claim, 'v', 1000, signal),
  release: (store, signal) => store.release(claim, 0, signal),
  append: (store, signal) => store.append('log', record, signal),
  readSince: (store, signal) => store.readSince('log', undefined, signal),
  readAt: (store, signal) => store.readAt('log', ['k'], signal),
  commitSince: (store, signal) => store.commitSince('log', '0', [], signal),
  consume: (store, signal) => store.consume([], 1, signal),
}
const verbs = Object.keys(calls) as Verb[]

/** A store that answers every verb with `answer`. */
function setUp(answer: (signal: AbortSignal) => Promise<never>) {
  const clock = createManualClock()
  const asked: { readonly verb: string; readonly signal: AbortSignal }[] = []
  const coordination = Object.fromEntries(
    verbs.map((verb) => [
      verb,
      (...args: unknown[]) => {
        const signal = args.at(-1) as AbortSignal
        asked.push({ verb, signal })
        return answer(signal)
      },
    ]),
  )
  const driver = { ...memoryStore({ clock }).connect(), coordination } as unknown as CacheDriver
  const guard = createGuard(driver, { timeoutMs: 100, clock })
  return { clock, asked, store: guardCoordination(driver, guard) as GuardedCoordination }
}

describe.each(verbs)('coordination under the guard: %s', (verb) => {
  it('is asked once, and given up at the deadline with its signal aborted', async () => {
    const { clock, asked, store } = setUp(() => new Promise(() => undefined))
    const failed = expect(calls[verb](store)).rejects.toMatchObject({ name: 'DeadlineError' })
    await clock.advance(150)
    await failed
    expect(asked.map((each) => [each.verb, each.signal.aborted])).toEqual([[verb, true]])
  })

  it('is not asked any more while the store keeps failing', async () => {
    const { asked, store } = setUp(async () => Promise.reject(new DriverError('test', 'Away.', { retryable: true })))
    for (let i = 0; i < 20; i++) await calls[verb](store).catch(() => undefined)
    await expect(calls[verb](store)).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    expect(asked.length).toBeLessThan(20)
  })

  it('ends with the signal of its caller', async () => {
    const { asked, store } = setUp(() => new Promise(() => undefined))
    const caller = new AbortController()
    const failed = expect(calls[verb](store, caller.signal)).rejects.toThrow('given up')
    caller.abort(new Error('given up'))
    await failed
    expect(asked[0]?.signal.aborted).toBe(true)
  })
})

it('coordinates nothing for a driver that is alone, or that has no verbs', () => {
  const clock = createManualClock()
  const guarded = (driver: CacheDriver) => guardCoordination(driver, createGuard(driver, { timeoutMs: 100, clock }))
  const shared = memoryStore().connect()
  const { coordination, ...plain } = shared
  expect(guarded(shared)).toBeDefined()
  expect(guarded(plain)).toBeUndefined()
  expect(guarded({ ...memory(), ...(coordination && { coordination }) })).toBeUndefined()
})
