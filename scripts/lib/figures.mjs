const NUMBER = String.raw`(-?\d+(?:\.\d+)?)`
/** Matches `  ✓ a hit: 2.52 ×, limit 3 ×`, as apps/bench/src/targets.ts prints it. */
const TARGET = new RegExp(`^ +[✓✗] (.+): ${NUMBER} (\\S+?), (?:limit|at least|expected) `)
/** Matches `  @msc/cache                             151 ns    2.52 ×`, as apps/bench/src/measure.ts prints it. */
const RATIO = new RegExp(`^ +(.+?) +${NUMBER} ns +${NUMBER} ×$`)

/**
 * Returns the figures that a benchmark printed, in their order: targets, and times relative to the first contender's.
 * @param {string} output
 * @returns {{ name: string, figure: number }[]}
 */
export function figuresOf(output) {
  let title = ''
  return output.split('\n').flatMap((line) => {
    const [, target, figure, unit] = TARGET.exec(line) ?? []
    if (target !== undefined) return [{ name: `${target}, ${unit}`, figure: Number(figure) }]
    const [, contender, , ratio] = RATIO.exec(line) ?? []
    if (contender !== undefined) return [{ name: `${title}: ${contender}, ×`, figure: Number(ratio) }]
    if (/^\S/.test(line)) title = line.trim()
    return []
  })
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
