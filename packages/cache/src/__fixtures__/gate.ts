/** A promise that the test lets go of. */
export interface Gate<T> {
  readonly promise: Promise<T>
  readonly release: (value: T) => void
}

export function gate<T = void>(): Gate<T> {
  let release!: (value: T) => void
  const promise = new Promise<T>((resolve) => (release = resolve))
  return { promise, release }
}
