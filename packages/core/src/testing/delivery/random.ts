/** Random choices that a seed makes repeatable. */
export interface Random {
  /** Returns a number in [0, 1). */
  (): number
  /** Returns an integer from `min` to `max`, both included. */
  integer(min: number, max: number): number
  pick<T>(values: readonly T[]): T
  /** True with this probability. */
  chance(probability: number): boolean
}

/** Mulberry32: 32 bits of state, good enough to choose the steps of a script. Public domain, by Tommy Ettinger. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return Object.assign(next, {
    integer,
    pick: <T>(values: readonly T[]): T => values[integer(0, values.length - 1)] as T,
    chance: (probability: number): boolean => next() < probability,
  })
}
