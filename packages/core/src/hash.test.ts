import { expect, it } from 'vitest'
import { fnv1a, hash128, hash64, hexOf } from './hash.ts'

// Hashes that stores and issues already contain from earlier versions.
it.each([
  ['', 'ab3e7c0b92ca2f0ecb72770f0c66c024', '488bdcb81aee8d83'],
  ['a', '1a80b1b369d6c81319d549e25f61146c', '501c2ba782c97901'],
  ['releases', '3735b1b0ab3e7ef213d39815a9b86262', '0a26b3946852801d'],
  ['Grüße, 世界', '06b47f591ec9cc601f6eb0ec7a67f3e2', '355b0ff36087c35d'],
])('hashes %j like earlier versions', (text, wide, narrow) => {
  expect(hash128(text)).toBe(wide)
  expect(hash64(text)).toBe(narrow)
})

it('returns the published values of FNV-1a, and others for another seed', () => {
  // http://www.isthe.com/chongo/src/fnv/test_fnv.c
  expect([fnv1a(''), fnv1a('a'), fnv1a('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968])
  expect(fnv1a('foobar', 1)).not.toBe(fnv1a('foobar'))
})

it('writes bytes as hexadecimal', () => {
  expect(hexOf(new Uint8Array([0, 10, 255]))).toBe('000aff')
  expect(hexOf(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toBe('0203')
  expect(hexOf(new Uint8Array([16]).buffer)).toBe('10')
})
