import type { MapOptions, StepContext, StepOptions, StepTools } from './context.ts'

/**
 * A step for each item, at most `concurrency` at a time. All end before it settles: a pass that ended at the first error
 * would leave the others running with nobody to see what they brought.
 */
export async function mapSteps<Item, Output>(
  step: Pick<StepTools, 'run'>,
  id: string,
  items: readonly Item[],
  fn: (item: Item, index: number, context: StepContext) => Output | Promise<Output>,
  { concurrency = Number.POSITIVE_INFINITY, ...options }: MapOptions & StepOptions<Output>,
): Promise<Output[]> {
  const results: PromiseSettledResult<Output>[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      const work = step.run(`${id}[${index}]`, (context) => fn(items[index] as Item, index, context), options)
      results[index] = await work.then(
        (value) => ({ status: 'fulfilled' as const, value }),
        (reason: unknown) => ({ status: 'rejected' as const, reason }),
      )
    }
  }
  await Promise.all(Array.from({ length: Math.min(Math.max(1, concurrency), items.length) }, lane))
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
