import { mulberry32 } from '../mulberry32.ts'

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

export function createRandom(seed: number): Random {
  const next = mulberry32(seed)
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return Object.assign(next, {
    integer,
    pick: <T>(values: readonly T[]): T => values[integer(0, values.length - 1)] as T,
    chance: (probability: number): boolean => next() < probability,
  })
}
