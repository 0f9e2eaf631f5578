import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createRevocations } from '../admission/revocations.ts'
import { createRuntime } from '../runtime.ts'
import { barredPieces } from './barred.ts'

it('tokens that were taken back are told once, though another server says them back meanwhile', () => {
  const revocations = createRevocations(1000, createRuntime(createManualClock(Date.now())))
  for (let n = 0; n < 600; n++) revocations.add({ sub: `u${n}` })
  const told: string[] = []
  for (const piece of barredPieces({ revocations, bans: { all: () => [] } })) {
    const { entries } = JSON.parse(piece) as { entries: { revoked: { sub: string }; at: number }[] }
    for (const { revoked, at } of entries) {
      told.push(revoked.sub)
      expect(revocations.add(revoked, at)).toBe(false)
    }
    if (told.length > 600) break
  }
  expect(told).toEqual(Array.from({ length: 600 }, (_, n) => `u${n}`))
})
