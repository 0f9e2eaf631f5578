/** Numbers repeated ids: `a`, `a:1`, `a:2`. One for each pass through a handler. */
export function createStepKeys(): (id: string) => string {
  const counts = new Map<string, number>()
  const taken = new Set<string>()
  return (id) => {
    let count = counts.get(id) ?? 0
    let key: string
    // An id may look like a number of another: `a:1` after `a` and `a`.
    do key = count === 0 ? id : `${id}:${count}`
    while (taken.has(key) && (count += 1))
    counts.set(id, count + 1)
    taken.add(key)
    return key
  }
}
