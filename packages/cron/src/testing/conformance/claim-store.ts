import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import type { ClaimStore } from '../../claims.ts'
import { lossyClaims } from '../lossy-claims.ts'

type ManualClock = ReturnType<typeof createManualClock>

/**
 * The tests that every claim store must pass. `setUp` gets the clock that `advance` moves; a store with its own clock
 * returns an `advance` that waits on that clock.
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

    it('grants a key to exactly one of several concurrent claims', async () => {
      const { store } = open()
      const tokens = ['a', 'b', 'c', 'd']
      const answers = await Promise.all(tokens.map((token) => store.claim('key', token, 1000, signal)))
      expect(answers.filter((isOurs) => isOurs === true)).toHaveLength(1)
      expect(answers.filter((isOurs) => isOurs === false)).toHaveLength(3)
      expect(await store.claim('other', 'b', 1000, signal)).toBe(true)
    })

    it('grants the key to its owner again, and renews the lease', async () => {
      const { store, advance } = open()
      expect(await store.claim('key', 'a', 1000, signal)).toBe(true)
      await advance(600)
      expect(await store.claim('key', 'a', 1000, signal)).toBe(true)
      await advance(600)
      expect(await store.claim('key', 'b', 1000, signal)).toBe(false)
      await advance(600)
      expect(await store.claim('key', 'b', 1000, signal)).toBe(true)
    })

    it('lets only the owner release or settle a key', async () => {
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

    it('ignores the release of a key that nobody owns', async () => {
      await expect(open().store.release('key', 'a', signal)).resolves.toBeUndefined()
    })

    it('releases, or grants again to the same token, a claim whose answer was lost', async () => {
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
