import { mulberry32 } from '@msc/core/testing'

/** Choices that are the same for the same seed. */
export interface Choose {
  /** A whole number from 0 to `below` - 1. */
  below(limit: number): number
  of<T>(list: readonly T[]): T
  /** True once in so many times. */
  once(inTimes: number): boolean
}

export function createChoose(seed: number): Choose {
  const random = mulberry32(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  return { below, of: (list) => list[below(list.length)] as never, once: (inTimes) => below(inTimes) === 0 }
}
