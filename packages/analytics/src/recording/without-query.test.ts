import { describe, expect, it } from 'vitest'
import { withoutQueries, withoutQuery } from './without-query.ts'

describe('an address', () => {
  it.each([
    ['https://app.example/a/b?token=1#c', 'https://app.example/a/b'],
    ['https://app.example/a#token=1', 'https://app.example/a'],
    ['/a?b', '/a'],
    ['?a', ''],
    ['https://ana:secret@app.example/a', 'https://app.example/a'],
    ['about:blank', 'about:blank'],
  ])('%s loses its query, fragment and credentials', (address, expected) => {
    expect(withoutQuery(address)).toBe(expected)
  })
})

it('is cut wherever an SDK has collected it, however deep, and all else is left alone', () => {
  let deep: object = { attributes: { href: '/x?token=1', src: '/y?token=1', class: 'what?' } }
  for (let i = 0; i < 100; i++) deep = { childNodes: [deep] }
  const timestamp = new Date(0)
  const cut = withoutQueries({
    timestamp,
    properties: { $current_url: 'https://a.example/?t=1', $referrer: 'https://b.example/?t=1', question: 'why?' },
    deep,
  })
  expect(cut.properties).toEqual({
    $current_url: 'https://a.example/',
    $referrer: 'https://b.example/',
    question: 'why?',
  })
  expect(cut.timestamp).toBe(timestamp)
  expect(JSON.stringify(cut.deep)).toContain('{"href":"/x","src":"/y","class":"what?"}')
})
