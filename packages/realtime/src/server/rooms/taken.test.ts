import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createTaken as create, type Taken } from './taken.ts'

/** `add` says whether it was not there yet. */
const createTaken = (clock: Parameters<typeof create>[0]): { add(account: string, key: string): boolean } => {
  const taken: Taken = create(clock)
  return {
    add(account, key) {
      if (taken.find([account, key])) return false
      taken.add([account, key], {})
      return true
    },
  }
}

it('remembers what an account has sent for ten minutes, and nothing of another’s', async () => {
  const clock = createManualClock()
  const taken = createTaken(clock)
  expect([taken.add('ana', '1'), taken.add('ana', '1'), taken.add('bo', '1')]).toEqual([true, false, true])
  await clock.advance(10 * 60_000 - 1)
  expect(taken.add('ana', '1')).toBe(false)
  await clock.advance(1)
  expect(taken.add('ana', '1')).toBe(true)
})

it('is bounded: an account pushes out its own oldest alone', () => {
  const taken = createTaken(createManualClock())
  taken.add('bo', '1')
  for (let n = 0; n < 501; n++) expect(taken.add('ana', String(n))).toBe(true)
  expect([taken.add('ana', '500'), taken.add('bo', '1'), taken.add('ana', '0')]).toEqual([false, false, true])
})

it('is bounded in accounts too, of which the ones that were quiet for longest are forgotten', () => {
  const taken = createTaken(createManualClock())
  for (let n = 0; n < 10_000; n++) taken.add(String(n), 'id')
  taken.add('0', 'id')
  taken.add('one more', 'id')
  expect([taken.add('0', 'id'), taken.add('9999', 'id'), taken.add('1', 'id')]).toEqual([false, false, true])
})

it('answers with what became of one that is being taken, and forgets one that was not taken after all', async () => {
  const taken = create(createManualClock())
  taken.add(['ana', '1'], Promise.resolve({ id: 'f1' }))
  expect(await taken.find(['ana', '1'])).toEqual({ id: 'f1' })
  taken.add(['ana', '2'], Promise.reject(new Error('away')))
  expect(await taken.find(['ana', '2'])).toBeUndefined()
  expect(taken.find(['ana', '2'])).toBeUndefined()
})
