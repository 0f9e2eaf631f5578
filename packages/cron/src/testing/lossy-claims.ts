import type { ClaimStore } from '../claims.ts'

export interface LossyClaims extends ClaimStore {
  /** Makes the store carry out the next call of `method` for `key`, and loses its answer. */
  loseNext(method: keyof ClaimStore, key: string): void
}

/** A claim store behind a connection that loses answers: the call rejects, or never settles (`silent`). */
export function lossyClaims(store: ClaimStore, loss: 'rejects' | 'silent'): LossyClaims {
  const losing = new Set<string>()
  const answer = async <T>(method: keyof ClaimStore, key: string, call: Promise<T>): Promise<T> => {
    const isLost = losing.delete(`${method} ${key}`)
    const value = await call
    if (!isLost) return value
    if (loss === 'rejects') throw new Error('The connection was lost before the answer came.')
    return new Promise<never>(() => {})
  }
  return {
    claim: (key, ...rest) => answer('claim', key, store.claim(key, ...rest)),
    release: (key, ...rest) => answer('release', key, store.release(key, ...rest)),
    settle: (key, ...rest) => answer('settle', key, store.settle(key, ...rest)),
    loseNext(method, key) {
      losing.add(`${method} ${key}`)
    },
  }
}
