import { pageStorage } from './page-storage.ts'

/** The visitor's answer to whether anything may be stored on this device. */
export interface Consent {
  /**
   * Asks the page. Each refusal deletes everything that this package has stored, by any tab and any earlier page:
   * another tab may have been given consent meanwhile.
   */
  readonly given: () => boolean
  /** How often consent was refused so far. */
  readonly denials: () => number
}

/** Prefix of every key that this package stores: the visitor, and the queue of each driver. */
export const STORED_PREFIX = 'msc:analytics:'

/** @param ask Counts as a refusal when it throws. */
export function createConsent(ask: () => boolean, storage?: Storage): Consent {
  let denials = 0
  return {
    given() {
      const answer = isYes(ask)
      if (!answer) {
        denials += 1
        deleteStored(pageStorage(storage))
      }
      return answer
    },
    denials: () => denials,
  }
}

function isYes(ask: () => boolean): boolean {
  try {
    return ask() === true
  } catch {
    return false
  }
}

function deleteStored(storage: Storage | undefined): void {
  try {
    const all = Array.from({ length: storage?.length ?? 0 }, (_, index) => storage?.key(index))
    for (const key of all) if (key?.startsWith(STORED_PREFIX)) storage?.removeItem(key)
  } catch {
    // Storage was switched off meanwhile, so nothing is kept there.
  }
}
