import { systemClock, type Clock } from '../time/clock.ts'

export interface Recording<T> {
  /** In the order of arrival, the newest last. */
  readonly list: readonly T[]
  add(item: T): void
  /**
   * Resolves with the first item, past or future, that `matches`.
   *
   * @param timeoutMs Default 30 000.
   * @throws Error when none has come by then.
   */
  waitFor(matches: (item: T) => boolean, timeoutMs?: number): Promise<T>
}

/**
 * Keeps what arrives, and lets a test wait for it by the event instead of by polling.
 *
 * @param what Names the items in the error: `events`.
 * @param max Items that are kept at most; the oldest leave. Default 10 000.
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
            // It is the test's own, and must not become a failure of whoever sent the item.
            reject(error as Error)
          }
          settle()
        }
        const cancel = clock.setTimeout(() => {
          settle()
          reject(new Error(`None of the ${what} matched within ${timeoutMs} ms; ${total} came.`))
        }, timeoutMs)
        listeners.add(listener)
      })
    },
  }
}
