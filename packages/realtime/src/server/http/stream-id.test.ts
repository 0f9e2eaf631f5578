import { describe, expect, it } from 'vitest'
import { inOrder, readId, tagOf, writeId } from './stream-id.ts'

const EPOCH = '00000000-0000-4000-8000-000000000000'
/** The snapshot of a busy database. */
const snapshot = (n: number, open = 30): string =>
  `${EPOCH}:${1_000_000 + n}:${1_000_900 + n}:${Array.from({ length: open }, (_, each) => 1_000_000 + n + 2 * each).join(',')}`
const of = (topic: string, isPrivate = false) => ({ topic, private: isPrivate })
const TAG = tagOf([of('a'), of('b')])
const topics = (count: number, of: (index: number) => string | undefined): (string | undefined)[] =>
  Array.from({ length: count }, (_, index) => of(index))

describe('the id of a plain stream', () => {
  it.each([
    ['one topic', topics(1, () => snapshot(1))],
    ['fifty that were heard up to the same snapshot', topics(50, (n) => `${snapshot(1)}+1000905.${n}`)],
    ['two snapshots in turns', topics(50, (n) => snapshot(n % 2))],
    ['one that is within its history', topics(3, (n) => (n === 1 ? `${snapshot(1)}>7:9:8@12` : snapshot(1)))],
    ['some whose beginning is still to come', topics(4, (n) => (n % 2 ? undefined : snapshot(1)))],
  ])('comes back as it went, and is short: %s', (_what, places) => {
    const id = writeId(places, TAG)
    expect(readId(id, places.length, TAG)).toEqual(places)
    expect(id.length).toBeLessThanOrEqual(4096)
  })

  it('is never too long to come back: what has no room is lost, and said to be', () => {
    for (const places of [
      topics(50, (n) => snapshot(n)),
      topics(50, (n) => snapshot(n === 3 ? 3 : n + 10, n === 3 ? 2000 : 3)),
      topics(50, () => snapshot(1, 2000)),
      topics(
        50,
        (n) => `${snapshot(1)}+${Array.from({ length: 40 }, (_, each) => `${1_000_905 + each}.${n}`).join(',')}`,
      ),
    ]) {
      const id = writeId(places, TAG)
      expect(id.length).toBeLessThanOrEqual(4096)
      const read = readId(id, 50, TAG)
      expect(read).toHaveLength(50)
      for (const [index, place] of (read ?? []).entries())
        if (typeof place !== 'object') expect(place).toBe(places[index])
      expect(read).toContainEqual({ lost: true })
    }
  })

  it('reads those in which each position is spelled', () => {
    const id = [snapshot(1), '-', `${snapshot(1)}+1000905.1`].join('~')
    expect(readId(`${TAG}~${id}`, 3, TAG)).toEqual([snapshot(1), undefined, `${snapshot(1)}+1000905.1`])
  })

  it('is of its topics alone, in whatever order they are asked for', () => {
    const both = [of('b'), of('a')]
    expect(tagOf(both)).toBe(TAG)
    expect(inOrder(both).map(({ topic }) => topic)).toEqual(['a', 'b'])
    const id = writeId([snapshot(1), snapshot(2)], TAG)
    for (const others of [[of('a'), of('c')], [of('a'), of('b', true)], [of('a,b')]]) {
      expect(tagOf(others)).not.toBe(TAG)
      expect(readId(id, 2, tagOf(others))).toBeUndefined()
    }
    // The position of a single topic says it all; of several it can't be told which is whose.
    expect(readId(snapshot(1), 1, TAG)).toEqual([snapshot(1)])
    expect(readId(`${snapshot(1)}~${snapshot(2)}`, 2, TAG)).toBeUndefined()
  })

  it.each([
    '',
    'nonsense',
    '=0',
    '-~=0',
    '!~=0',
    `${snapshot(1)}~=1`,
    `${snapshot(1)}~=0+x`,
    `${snapshot(1)}~=0~`,
    '=0~=',
  ])('is none that says %s', (id) => {
    expect(readId(`${TAG}~${id}`, 2, TAG)).toBeUndefined()
    expect(readId(id, 2, TAG)).toBeUndefined()
  })
})
