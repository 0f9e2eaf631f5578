import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import type { ClaimStore } from '../../claims.ts'
import { lossyClaims } from '../lossy-claims.ts'

type ManualClock = ReturnType<typeof createManualClock>

/**
 * What every claim store promises. `setUp` gets the clock that `advance` moves; a store with a clock of its own returns
 * an `advance` that waits for that.
 */
export function testClaimStore(
  name: string,
  setUp: (clock: ManualClock) => ClaimStore | { readonly store: ClaimStore; advance(ms: number): Promise<void> },
): void {
  describe(`claim store: ${name}`, () => {
    const { signal } = new AbortController()
    const open = (): { store: ClaimStore; advance(ms: number): Promise<void> } => {
      const clock = createManualClock(Date.UTC(2026, 10, 1))
      const made = setUp(clock)
      return 'store' in made ? made : { store: made, advance: (ms) => clock.advance(ms) }
    }

    it('gives a key to one token, whoever asks at the same time', async () => {
      const { store } = open()
      const tokens = ['a', 'b', 'c', 'd']
      const answers = await Promise.all(tokens.map((token) => store.claim('key', token, 1000, signal)))
      expect(answers.filter((isOurs) => isOurs === true)).toHaveLength(1)
      expect(answers.filter((isOurs) => isOurs === false)).toHaveLength(3)
      expect(await store.claim('other', 'b', 1000, signal)).toBe(true)
    })

    it('knows its owner when that asks again, and counts the lease from then', async () => {
      const { store, advance } = open()
      expect(await store.claim('key', 'a', 1000, signal)).toBe(true)
      await advance(600)
      expect(await store.claim('key', 'a', 1000, signal)).toBe(true)
      await advance(600)
      expect(await store.claim('key', 'b', 1000, signal)).toBe(false)
      await advance(600)
      expect(await store.claim('key', 'b', 1000, signal)).toBe(true)
    })

    it('is released and settled by its owner alone', async () => {
      const { store, advance } = open()
      await store.claim('key', 'a', 1000, signal)
      await store.release('key', 'b', signal)
      await store.settle('key', 'b', 60_000, signal)
      expect(await store.claim('key', 'b', 1000, signal)).toBe(false)
      await advance(1100)
      expect(await store.claim('key', 'b', 1000, signal)).toBe(true)
      await store.settle('key', 'b', 5000, signal)
      await advance(3000)
      expect(await store.claim('key', 'a', 1000, signal)).toBe(false)
      await store.release('key', 'b', signal)
      expect(await store.claim('key', 'a', 1000, signal)).toBe(true)
    })

    it('releases a key that nobody has, which is no failure', async () => {
      await expect(open().store.release('key', 'a', signal)).resolves.toBeUndefined()
    })

    it('can be released, or claimed again under the same token, when the answer was lost', async () => {
      const { store } = open()
      const lossy = lossyClaims(store, 'rejects')
      for (const key of ['released', 'again']) {
        lossy.loseNext('claim', key)
        await expect(lossy.claim(key, 'a', 1000, signal)).rejects.toThrow(/lost/)
      }
      await lossy.release('released', 'a', signal)
      expect(await lossy.claim('released', 'b', 1000, signal)).toBe(true)
      expect(await lossy.claim('again', 'a', 1000, signal)).toBe(true)
      expect(await lossy.claim('again', 'b', 1000, signal)).toBe(false)
    })
  })
}
