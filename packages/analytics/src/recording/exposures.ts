import { plainJson } from '@msc/core/delivery'
import type { Evaluation, Subject } from '../messages.ts'

/** How many exposures are remembered, in about 2 MiB; the least recently used one is dropped first. */
const MAX_REMEMBERED = 20_000

/** Tells the first exposure of a person to a value from later ones, in bounded memory. */
export interface Exposures {
  /** Returns true the first time for each {@link exposureKey}. */
  isNew(key: string): boolean
  /** The exposure was not recorded, so that the next one counts as the first. */
  forget(key: string): void
}

export function createExposures(max: number = MAX_REMEMBERED): Exposures {
  const met = new Set<string>()
  return {
    isNew(key) {
      const known = met.delete(key)
      met.add(key)
      if (met.size > max) met.delete(met.values().next().value as string)
      return !known
    },
    forget: (key) => void met.delete(key),
  }
}

/** Joins the person, the flag, the value and the groups. */
export function exposureKey(
  { distinctId, anonymousId, groups }: Subject,
  flag: string,
  evaluation: Evaluation,
): string {
  return plainJson([distinctId ?? anonymousId, flag, evaluation.value, groups])
}
