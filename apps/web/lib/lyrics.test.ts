import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { analyseLyrics } from './lyrics.ts'

describe('analyseLyrics', () => {
  it('counts a chorus as repetition and finds the song’s keywords', () => {
    const song =
      'Midnight city, hold me now\nMidnight city, hold me now\nI was lost and you were gone\nThe rain is on the window'
    expect(analyseLyrics(song)).toMatchObject({
      lines: 4,
      words: 23,
      repetition: 0.5,
      language: 'en',
      mood: 'dark',
      explicit: false,
      keywords: ['city', 'hold', 'midnight', 'now', 'gone', 'lost'],
    })
  })
  it.each([
    ['Ich bin nicht allein und du bist der Himmel auf dem Meer', 'de'],
    ['Yo no soy el que te quiere más que la luna', 'es'],
    ['Je ne suis pas le vent dans les voiles', 'fr'],
    ['Jag är på väg till dig och det är så', 'sv'],
    ['', 'unknown'],
  ])('recognises the language of %j', (lyrics, language) => {
    expect(analyseLyrics(lyrics).language).toBe(language)
  })
  it('returns a sensible result for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (lyrics) => {
        const found = analyseLyrics(lyrics)
        expect(found.uniqueWords).toBeLessThanOrEqual(found.words)
        expect(found.vocabulary).toBeLessThanOrEqual(1)
        expect(found.repetition).toBeLessThanOrEqual(1)
        expect(found.keywords.length).toBeLessThanOrEqual(6)
      }),
    )
  })
})
