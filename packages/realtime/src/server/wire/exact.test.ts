import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { markNumbers, restoreNumbers } from './exact.ts'

const kept = (text: string): string => {
  const marked = markNumbers(text)
  return marked === undefined ? JSON.stringify(JSON.parse(text)) : restoreNumbers(JSON.stringify(JSON.parse(marked)))
}

describe('numbers with more digits than JavaScript keeps', () => {
  it.each([
    ['{"id":9007199254740993,"x":1e400}'],
    ['[-12345678901234567.89,0.12345678901234567891]'],
    ['9007199254740993'],
    ['{"a":"9007199254740993 \\"1e400","b":9007199254740993}'],
  ])('stay as they were written: %s', (text) => {
    expect(kept(text)).toBe(text)
  })

  it('are the only ones that are looked after: all other JSON is written as ever', () => {
    expect(markNumbers('{"n":1.0,"s":"12345678901234567890","e":1e3,"at":1700000000000}')).toBeUndefined()
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(kept(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('leave spaces and names that come twice as JSON writes them', () => {
    expect(kept('{ "a" : 1,\n "a" : 9007199254740993 }')).toBe('{"a":9007199254740993}')
  })
})
