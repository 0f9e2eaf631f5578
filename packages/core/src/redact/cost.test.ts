import { expect, it } from 'vitest'
import { hostileTokens } from '../testing/redaction/index.ts'
import { createRedactor } from './index.ts'

// `npm run bench -- redaction` measures how long this takes; here, a rule that is not linear would never finish.

// One test for each token: all of them together take half a minute, and on a busy machine longer than any limit.
it.each(hostileTokens)('scans a megabyte of %j to its end', { timeout: 60_000 }, (token) => {
  const unbounded = createRedactor({ maxString: 2e6, maxChars: 2e6 })
  const text = token.repeat(Math.ceil(1e6 / token.length)).slice(0, 1e6)
  expect(typeof unbounded.text(text)).toBe('string')
})

it('cuts a graph that has too many paths to walk', () => {
  let shared: unknown = { title: 'Night Drive' }
  for (let level = 0; level < 7; level++) shared = Array.from({ length: 8 }, () => shared)
  const clean = createRedactor()
  expect(JSON.stringify(clean({ shared })).length).toBeLessThan(400_000)
})
