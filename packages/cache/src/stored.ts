/** A backend in this process may answer at once; the engine then skips the promise and the deadline. */
export type PromiseOr<T> = T | Promise<T>

/** What a driver keeps. */
export interface StoredEntry {
  readonly key: string
  readonly value: string
  readonly ttlMs: number
}
