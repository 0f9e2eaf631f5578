import { expect, it } from 'vitest'
import { isStorable, isVisible } from './text.ts'

it.each([
  ['Night Drive', true],
  ['🎵', true],
  ['', true],
  ['a\0b', false],
  ['a\ud800', false],
  ['\udc00a', false],
])('%j can be stored: %s', (text, expected) => {
  expect(isStorable(text)).toBe(expected)
})

it.each([
  ['a', true],
  ['…', true],
  ['夜', true],
  ['🎵', true],
  ['', false],
  [' \t\n\u00a0\u3000', false],
  ['\u200b\u200d\ufeff\u2060', false],
  ['\u00ad\u034f\u180e', false],
  ['\u3164\uffa0\u115f', false],
  ['\u2800', false],
  ['\u202e', false],
  ['\ufe0f', false],
])('%j can be seen: %s', (text, expected) => {
  expect(isVisible(text)).toBe(expected)
})
