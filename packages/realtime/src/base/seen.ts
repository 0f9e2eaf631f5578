/** Remembers the last `capacity` things, each by all that is said of it: what came over a network may be anything. */
export function createSeen(capacity: number): {
  /** False when it was there already. */
  add(...what: unknown[]): boolean
} {
  const seen = new Set<string>()
  return {
    add(...what) {
      const { size } = seen
      const [oldest] = seen.add(JSON.stringify(what))
      return size < seen.size && (size < capacity || seen.delete(oldest as string))
    },
  }
}
