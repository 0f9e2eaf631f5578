/** Numbers repeated ids: `a`, `a:1`, `a:2`. One for each pass through a handler. */
export function createStepKeys(): (id: string) => string {
  const seen = new Map<string, number>()
  return (id) => {
    const count = seen.get(id) ?? 0
    seen.set(id, count + 1)
    return count === 0 ? id : `${id}:${count}`
  }
}
