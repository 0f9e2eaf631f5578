/** Says whether a figure of ours is within its limit; one that is not makes the process end with code 1. */
export function target(name: string, figure: number, limit: number, unit: string): void {
  judge(name, figure <= limit, `${show(figure)} ${unit}, limit ${show(limit)} ${unit}`)
}

/** As `target`, for a figure that has to be so much or more. */
export function atLeast(name: string, figure: number, limit: number, unit: string): void {
  judge(name, figure >= limit, `${show(figure)} ${unit}, at least ${show(limit)} ${unit}`)
}

/** As `target`, for what has to be exactly so. */
export function exactly(name: string, figure: number, expected: number, unit: string): void {
  judge(name, figure === expected, `${show(figure)} ${unit}, expected ${show(expected)} ${unit}`)
}

function judge(name: string, met: boolean, detail: string): void {
  console.log(`  ${met ? '✓' : '✗'} ${name}: ${detail}`)
  if (!met) process.exitCode = 1
}

function show(figure: number): string {
  return Number.isInteger(figure) ? String(figure) : figure.toFixed(2)
}
