import { describe, expect, it } from 'vitest'
import { NO_GAP, createGroupChain, gapWidth, positionOf, readGroups97, restBetween } from './group-chain.ts'

/** Returns the remainder by 97 of characters that are written as digits, `A` as 10, by plain arithmetic. */
function restOf(characters: string): number {
  const digits = [...characters].map((character) => Number.parseInt(character, 36)).join('')
  return Number(BigInt(digits) % 97n)
}

describe('a sequence of groups of four', () => {
  const text = 'DE89 3704 0044 0532 0130 ABCD'

  it('gives the remainder by 97 of any few of its groups', () => {
    const groups = Array.from({ length: 40 }, (_, i) =>
      ((i * 7919) % 36 ** 4).toString(36).padStart(4, '0').toUpperCase(),
    )
    const row = `XX00 ${groups.join(' ')}`
    const chain = createGroupChain()
    for (let first = 0; first < groups.length - 7; first++) {
      for (const count of [1, 4, 7]) {
        const last = readGroups97(chain, row, row.length, 4 + first * 5, count)
        expect(positionOf(chain, last)).toBe(4 + (first + count) * 5)
        expect(restBetween(chain, last - count, last)).toBe(restOf(groups.slice(first, first + count).join('')))
      }
    }
  })

  it('ends where a group is missing, is cut off, or holds anything other than letters and digits', () => {
    const read = (row: string, end = row.length): number => readGroups97(createGroupChain(), row, end, 4, 2)
    expect(read('DE89 3704 0044')).toBe(2)
    expect(read('DE89 3704')).toBe(NO_GAP)
    expect(read('DE89 37040044')).toBe(NO_GAP)
    expect(read('DE89 3704 004')).toBeLessThan(0)
    expect(read('DE89 3704 004')).not.toBe(NO_GAP)
    expect(read('DE89 3704 00.4')).toBeLessThan(0)
    expect(read('DE89 3704 0044', 13)).toBeLessThan(0)
  })

  it('starts again for another sequence, before or after the last one', () => {
    const chain = createGroupChain()
    const ask = (from: number): number => {
      const last = readGroups97(chain, text, text.length, from, 1)
      return restBetween(chain, last - 1, last)
    }
    expect(ask(19)).toBe(restOf('0130'))
    expect(ask(4)).toBe(restOf('3704'))
    expect(ask(24)).toBe(restOf('ABCD'))
    expect(ask(9)).toBe(restOf('0044'))
  })

  it('reads fewer groups after a request for too many', () => {
    const chain = createGroupChain()
    const row = 'DE89 3704 0044'
    expect(readGroups97(chain, row, row.length, 4, 3)).toBe(NO_GAP)
    expect(readGroups97(chain, row, row.length, 4, 2)).toBe(2)
    expect(readGroups97(chain, row, row.length, 9, 2)).toBe(NO_GAP)
    expect(restBetween(chain, 1, readGroups97(chain, row, row.length, 9, 1))).toBe(restOf('0044'))
  })
})

it.each([
  [' ', 1],
  ['-', 1],
  ['+', 1],
  ['\u00a0', 1],
  ['%20', 3],
  ['%2520', 5],
  ['%2D', 0],
  ['.', 0],
  ['4', 0],
  ['', 0],
])('treats %j as a gap of %i characters', (gap, width) => {
  expect(gapWidth(`a${gap}b`.slice(0, gap === '' ? 1 : undefined), 1)).toBe(width)
})
