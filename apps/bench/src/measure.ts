/** One contender: `run` performs `iterations` operations. */
export interface Contender {
  readonly name: string
  run(iterations: number): Promise<void> | void
}

export interface Measured {
  readonly name: string
  /** Nanoseconds for one operation: the median of all rounds. */
  readonly nanoseconds: number
  /** How many times the first contender's. */
  readonly ratio: number
}

/**
 * Runs all contenders in turn, round after round, so that a machine that slows down slows all of them, and compares
 * medians. The first one is what the others are measured against.
 */
export async function measure(
  contenders: readonly Contender[],
  options: { readonly rounds?: number; readonly iterations?: number; readonly warmUp?: number } = {},
): Promise<Measured[]> {
  const { rounds = 21, iterations = 20_000, warmUp = 3 } = options
  const times = contenders.map((): number[] => [])
  // Compiled code is what a service runs; a cold round would measure the compiler.
  for (let round = 0; round < warmUp; round++) for (const { run } of contenders) await run(iterations)
  for (let round = 0; round < rounds; round++) {
    for (const [index, { run }] of contenders.entries()) {
      const from = performance.now()
      await run(iterations)
      times[index]?.push(((performance.now() - from) * 1e6) / iterations)
    }
  }
  return compare(contenders.map(({ name }, index) => ({ name, nanoseconds: median(times[index] as number[]) })))
}

/** All beside the first. */
export function compare(results: readonly Omit<Measured, 'ratio'>[]): Measured[] {
  return results.map((each) => ({ ...each, ratio: each.nanoseconds / (results[0]?.nanoseconds ?? Number.NaN) }))
}

export function print(title: string, results: readonly Measured[]): void {
  console.log(`\n${title}`)
  for (const { name, nanoseconds, ratio } of results) {
    console.log(`  ${name.padEnd(34)} ${nanoseconds.toFixed(0).padStart(7)} ns  ${ratio.toFixed(2).padStart(6)} ×`)
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}
