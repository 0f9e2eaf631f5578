import { describe, expect, it } from 'vitest'
import { createRedactor } from './index.ts'

const clean = createRedactor()
const LENGTH = 1_000_000
const PROSE =
  'The artist submitted the release again after the label had asked for new artwork, and the distributor accepted it ' +
  'within an hour. Earnings for the quarter: 1,204.50 EUR, paid on 12 October. See https://msc.example/releases/120. '

const TOKENS = [
  'a', 'a@', '@', 'a@b.', 'a@b.co ', 'eyJ', 'eyJ.', 'token', 'token ', 'token=', 'token: "', 'key=', '&key=', '&key', '?a=',
  'x://', 'x://a:b', 'x://a:b@', ':', '=', '"', '\\"', "'", '0', '1 ', '4242', '4242 ', 'DE89 ', '-----BEGIN ',
  '-----BEGIN PRIVATE KEY-----', '%40', '%3D', '%2540', '%', '#', ' ', '.', '-', '_', 'sk-', '<', '<a', '<token', '[', '{',
  'password=[', 'Bearer ', 'Basic ', '-u a:', '--token ', '\n', 'token:\n ', 'cookie: ', '"cookie: \n', 'é', '\ud800',
  'values (', '(a) values', "-b '", '-b "-u \'', '"cookie","', 'name="', 'token=[[', '\\u0022', 'token: |\n a\n', 'token=1 2 ', 'abcd=', 'api key:', '&quot;', '/', 'token/', 'hooks.slack.com/', '[redacted]',
] // prettier-ignore

function filled(token: string): string {
  return token.repeat(Math.ceil(LENGTH / token.length)).slice(0, LENGTH)
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

function time(run: () => unknown): number {
  const from = performance.now()
  run()
  return performance.now() - from
}

/** Those of the tokens that cost more than `factor` times what prose costs, measured in turns. */
function slowerThanProse(tokens: readonly string[], factor: number): string[] {
  const texts = [PROSE, ...tokens].map(filled)
  for (let round = 0; round < 10; round++) for (const text of texts) clean(text)
  const times = texts.map((): number[] => [])
  for (let round = 0; round < 15; round++) {
    for (const [index, text] of texts.entries()) times[index]?.push(time(() => clean({ field: text })))
  }
  const [prose, ...hostile] = times.map(median) as [number, ...number[]]
  return tokens.filter((_, index) => (hostile[index] as number) > factor * prose)
}

describe('the cost of hostile text', { timeout: 120_000 }, () => {
  it('is that of prose of the same length, within a small factor', () => {
    // Only a token that is slow whenever it is asked is slow: a busy machine is so only at times.
    let slow: readonly string[] = TOKENS
    for (let attempt = 0; attempt < 4 && slow.length > 0; attempt++) slow = slowerThanProse(slow, 10)
    expect(slow).toEqual([])
  })

  it('grows with the length of what is looked at, and no faster', () => {
    const open = createRedactor({ maxString: 1e7, maxChars: 1e7 })
    const best = (text: string): number => Math.min(...[0, 1, 2].map(() => time(() => open.text(text))))
    const growth = (token: string): number => {
      const text = filled(token)
      return best(text.slice(0, 320_000)) / best(text.slice(0, 20_000))
    }
    for (const token of TOKENS) {
      // Sixteen times the text: a quadratic rule takes 256 times as long whenever it is asked, a busy machine only once.
      const quick = [0, 1, 2, 3].some(() => growth(token) < 80)
      expect(quick, JSON.stringify(token)).toBe(true)
    }
  })
})
