/** Remembers the last `capacity` ids. */
export function createSeen(capacity: number): { /** False when it was there already. */ add(id: string): boolean } {
  const ids = new Set<string>()
  return {
    add(id) {
      if (ids.has(id)) return false
      ids.add(id)
      if (ids.size > capacity) {
        const [oldest] = ids
        ids.delete(oldest as string)
      }
      return true
    },
  }
}
