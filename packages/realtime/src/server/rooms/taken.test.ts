import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createTaken } from './taken.ts'

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
