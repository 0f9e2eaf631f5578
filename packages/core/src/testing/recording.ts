import { systemClock, type Clock } from '../time/clock.ts'

export interface Recording<T> {
  /** The items in the order of arrival, the newest last. */
  readonly list: readonly T[]
  add(item: T): void
  /**
   * Resolves with the first item, past or future, that `matches`.
   *
   * @param timeoutMs Milliseconds to wait. Default 30 000.
   * @throws Error if none has arrived by then.
   */
  waitFor(matches: (item: T) => boolean, timeoutMs?: number): Promise<T>
}

/**
 * Records items as they arrive, so that a test can wait for one instead of polling.
 *
 * @param what The items' name in the error, for example `events`.
 * @param max The most items that are kept; the oldest are dropped first. Default 10 000.
 */
export function createRecording<T>(what: string, max = 10_000, clock: Clock = systemClock): Recording<T> {
  const list: T[] = []
  const listeners = new Set<(item: T) => void>()
  let total = 0
  return {
    list,
    add(item) {
      total += 1
      list.push(item)
      if (list.length > max) list.shift()
      for (const listener of listeners) listener(item)
    },
    waitFor(matches, timeoutMs = 30_000) {
      const past = list.find(matches)
      if (past !== undefined) return Promise.resolve(past)
      return new Promise((resolve, reject) => {
        const settle = (): void => {
          cancel()
          listeners.delete(listener)
        }
        const listener = (item: T): void => {
          try {
            if (!matches(item)) return
            resolve(item)
          } catch (error) {
            // The error belongs to the test that waits. Thrown from here, it would fail the code that sent the item.
            reject(error as Error)
          }
          settle()
        }
        const cancel = clock.setTimeout(() => {
          settle()
          reject(new Error(`None of the ${what} matched within ${timeoutMs} ms; ${total} arrived.`))
        }, timeoutMs)
        listeners.add(listener)
      })
    },
  }
}
