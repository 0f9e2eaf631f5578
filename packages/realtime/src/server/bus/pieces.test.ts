import { describe, expect, it } from 'vitest'
import { cut, MAX_PIECED_LENGTH, Pieces } from './pieces.ts'

describe('a text in pieces', () => {
  it.each(['', 'x', '🎧'].map((first) => `${first}${'🎧'.repeat(400_000)}`))(
    'is the same again, with no character cut',
    (text) => {
      const pieces = cut(text)
      expect(pieces.length).toBeGreaterThan(3)
      expect(pieces.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false)
      const own = new Pieces()
      const added = pieces.map((piece, nth) => own.add({ nth, of: pieces.length, piece }))
      expect(added.slice(0, -1).every((each) => each === undefined)).toBe(true)
      expect(added.at(-1)).toBe(text)
    },
  )

  it('is none where a piece is missing, comes twice, or is too much', () => {
    const own = new Pieces()
    expect(own.add({ nth: 1, of: 2, piece: 'b' })).toBeUndefined()
    expect(own.add({ nth: 0, of: 2, piece: 'a' })).toBeUndefined()
    expect(own.add({ nth: 0, of: 2, piece: 'a' })).toBeUndefined()
    expect(own.add({ nth: 1, of: 2, piece: 5 })).toBeUndefined()
    expect(own.add({ nth: 1, of: 2, piece: 'x'.repeat(MAX_PIECED_LENGTH) })).toBeUndefined()
    expect(own.add({ nth: 1, of: 2, piece: 'b' })).toBe('ab')
  })
})
