/** Items in the order of a number, equal ones in the order they came. */
export interface Sorted<T> {
  add(item: T, at: number): void
  /** False when it is not there. */
  remove(item: T, at: number): boolean
  first(): { readonly item: T; readonly at: number } | undefined
  shift(): T | undefined
  readonly size: number
}

/** An array that is searched by halves: moving 100 000 references is quicker than following a tree of them. */
export function createSorted<T>(): Sorted<T> {
  let entries: { readonly item: T; readonly at: number }[] = []
  // Taken from the front without moving the rest each time.
  let head = 0
  const indexAfter = (at: number): number => {
    let low = head
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((entries[middle] as { at: number }).at <= at) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    add(item, at) {
      const index = indexAfter(at)
      if (index === entries.length) entries.push({ item, at })
      else entries.splice(index, 0, { item, at })
    },
    remove(item, at) {
      for (let index = indexAfter(at) - 1; index >= head && entries[index]?.at === at; index--) {
        if (entries[index]?.item !== item) continue
        entries.splice(index, 1)
        return true
      }
      return false
    },
    first: () => entries[head],
    shift() {
      const entry = entries[head]
      if (!entry) return undefined
      head += 1
      if (head > 1024 && head * 2 > entries.length) {
        entries = entries.slice(head)
        head = 0
      }
      return entry.item
    },
    get size() {
      return entries.length - head
    },
  }
}
