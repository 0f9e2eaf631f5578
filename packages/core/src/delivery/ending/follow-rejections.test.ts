import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { followRejections } from './follow-rejections.ts'
import type { HostProcess } from './host-process.ts'

const EVENT = 'unhandledRejection'

function setUp(copies = 1): { host: EventEmitter; seen: unknown[]; unfollow: () => void } {
  const host = new EventEmitter()
  const seen: unknown[] = []
  const ends = Array.from({ length: copies }, () =>
    followRejections(host as unknown as HostProcess, (reason) => seen.push(reason)),
  )
  return { host, seen, unfollow: () => ends.forEach((end) => end()) }
}

const mine = (): void => {}
const other = (): void => {}

describe.each([1, 2, 3])('the listener for rejections, in %i copies,', (copies) => {
  it('exists while there is another listener, and sees the same rejections', async () => {
    const { host, seen } = setUp(copies)
    expect(host.listenerCount(EVENT)).toBe(0)
    host.on(EVENT, mine)
    host.on(EVENT, other)
    host.emit(EVENT, 'a reason')
    expect(seen).toEqual(Array.from({ length: copies }, () => 'a reason'))
    host.off(EVENT, mine)
    await Promise.resolve()
    expect(host.listenerCount(EVENT)).toBe(copies + 1)
    host.off(EVENT, other)
    await Promise.resolve()
    expect(host.listenerCount(EVENT)).toBe(0)
  })

  it('is removed before the next rejection when the last other listener was a once listener', async () => {
    const { host } = setUp(copies)
    host.once(EVENT, mine)
    expect(host.emit(EVENT, 'first')).toBe(true)
    if (copies > 1) await Promise.resolve()
    expect(host.emit(EVENT, 'second')).toBe(false)
  })

  it.each([
    ['first', true],
    ['last', false],
  ])(
    'survives removeAllListeners when it is %s in the list, and returns with the next listener',
    async (_, isFirst) => {
      const { host } = setUp(copies)
      if (isFirst) host.on(EVENT, mine).on(EVENT, other)
      else host.on(EVENT, mine).prependListener(EVENT, other)
      host.removeAllListeners(EVENT)
      await Promise.resolve()
      expect(host.listenerCount(EVENT)).toBe(0)
      host.on(EVENT, mine)
      expect(host.listenerCount(EVENT)).toBe(copies + 1)
      host.removeAllListeners()
      expect(host.eventNames()).toEqual([])
    },
  )

  it('leaves nothing behind', () => {
    const { host, unfollow } = setUp(copies)
    host.on(EVENT, mine)
    unfollow()
    expect(host.listeners(EVENT)).toEqual([mine])
    expect(host.eventNames()).toEqual([EVENT])
  })
})
