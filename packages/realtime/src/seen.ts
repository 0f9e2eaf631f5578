/** Remembers the last `capacity` ids. */
export function createSeen(capacity: number): { /** False when it was there already. */ add(id: string): boolean } {
  const ids = new Set<string>()
  return {
    add(id) {
      if (ids.has(id)) return false
      ids.add(id)
      const [oldest] = ids
      return ids.size <= capacity || ids.delete(oldest as string)
    },
  }
}
