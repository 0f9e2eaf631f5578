/**
 * Sends items together: those of one turn of the event loop, and those that come while as many calls as may be are under
 * way. The busier it is, the larger the batches.
 */
export function createCombiner<Item, Result>(
  send: (items: readonly Item[]) => Promise<readonly Result[]>,
  options: { readonly maxCalls: number; readonly maxItems: number },
): (item: Item) => Promise<Result> {
  interface Waiting {
    readonly item: Item
    resolve(result: Result): void
    reject(error: unknown): void
  }
  const waiting: Waiting[] = []
  let calls = 0
  let scheduled = false

  const flush = (): void => {
    scheduled = false
    while (waiting.length > 0 && calls < options.maxCalls) {
      const batch = waiting.splice(0, options.maxItems)
      calls += 1
      send(batch.map(({ item }) => item))
        .then(
          (results) => batch.forEach(({ resolve }, index) => resolve(results[index] as Result)),
          (error: unknown) => batch.forEach(({ reject }) => reject(error)),
        )
        .finally(() => {
          calls -= 1
          flush()
        })
    }
  }
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (scheduled) return
      scheduled = true
      setImmediate(flush)
    })
}
