import { pageStorage } from './page-storage.ts'

/** Whether anything may be kept on this device. */
export interface Consent {
  /**
   * Asks the page. Each no deletes all that this package has stored, of any tab and any earlier life: another tab may have
   * been told yes meanwhile.
   */
  readonly given: () => boolean
  /** How often the answer was no. */
  readonly denials: () => number
}

/** Of everything that this package stores: the visitor, and the queue of each driver. */
export const STORED_PREFIX = 'msc:analytics:'

/** @param ask What it throws means no. */
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
    // Switched off meanwhile: nothing is kept there any more.
  }
}
