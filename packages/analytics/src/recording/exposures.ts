import { plainJson } from '@msc/core/delivery'
import type { Evaluation, Subject } from '../messages.ts'

/** Exposures that are remembered, about 2 MiB; the one that was not met for longest goes first. */
const MAX_REMEMBERED = 20_000

/** Tells the first time that a person meets a value of a flag from all others, in bounded memory. */
export interface Exposures {
  /** True once for each person, flag, value and groups. */
  isNew(subject: Subject, flag: string, evaluation: Evaluation): boolean
}

export function createExposures(max: number = MAX_REMEMBERED): Exposures {
  const met = new Set<string>()
  return {
    isNew({ distinctId, anonymousId, groups }, flag, { value }) {
      const key = plainJson([distinctId ?? anonymousId, flag, value, groups])
      const known = met.delete(key)
      met.add(key)
      if (met.size > max) met.delete(met.values().next().value as string)
      return !known
    },
  }
}
