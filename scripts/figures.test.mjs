import { describe, expect, it } from 'vitest'
import { figuresOf, median } from './lib/figures.mjs'

describe('figures of a benchmark', () => {
  it('are its targets, met or missed, and its times relative to the first contender', () => {
    const output = [
      '',
      'A hit in memory',
      '  Map.get, awaited                       60 ns    1.00 ×',
      '  @msc/cache                            151 ns    2.52 ×',
      '  ✓ a hit: 2.52 ×, limit 3 ×',
      '  ✗ 4 workers beside 1: 3.27 ×, at least 3.50 ×',
      '  ✓ loads in a stampede, at most: 1 load, expected 1 load',
      '  1 worker   210 jobs/s',
    ].join('\n')
    expect(figuresOf(output)).toEqual([
      { name: 'A hit in memory: Map.get, awaited, ×', figure: 1 },
      { name: 'A hit in memory: @msc/cache, ×', figure: 2.52 },
      { name: 'a hit, ×', figure: 2.52 },
      { name: '4 workers beside 1, ×', figure: 3.27 },
      { name: 'loads in a stampede, at most, load', figure: 1 },
    ])
  })
  it('have a median: the middle one, or the mean of the middle two', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })
})
