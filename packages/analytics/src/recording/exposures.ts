import { plainJson } from '@msc/core/delivery'
import type { Evaluation, Subject } from '../messages.ts'

/** Exposures that are remembered, about 2 MiB; the one that was not met for longest goes first. */
const MAX_REMEMBERED = 20_000

/** Tells the first time that a person meets a value of a flag from all others, in bounded memory. */
export interface Exposures {
  /** True once for each {@link exposureKey}. */
  isNew(key: string): boolean
  /** Nobody has taken it, so the next time is the first again. */
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

/** The person, the flag, the value and the groups. */
export function exposureKey(
  { distinctId, anonymousId, groups }: Subject,
  flag: string,
  evaluation: Evaluation,
): string {
  return plainJson([distinctId ?? anonymousId, flag, evaluation.value, groups])
}
