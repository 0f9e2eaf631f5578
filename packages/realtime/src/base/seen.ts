/** Remembers the last `capacity` texts. */
export function createSeen(capacity: number): { /** False when it was there already. */ add(text: string): boolean } {
  const seen = new Set<string>()
  return {
    add(text) {
      const { size } = seen
      const [oldest] = seen.add(text)
      return size < seen.size && (size < capacity || seen.delete(oldest as string))
    },
  }
}
