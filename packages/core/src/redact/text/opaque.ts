import { REDACTED } from '../marks.ts'
import { isLetter } from './chars.ts'
import { hide, holdsDigitOrCapital, type TextScan } from './state.ts'

/** Tokens are long: what is shorter is not even looked at. */
export const SHORTEST_TOKEN = 12

interface Shape {
  readonly prefix: string
  /** Characters of the shortest token, prefix included. */
  readonly length: number
}

/** Published by the issuers, most of them in their notes for secret scanning. */
const SHAPES: readonly Shape[] = [
  // Stripe and Clerk (sk_live_…), OpenAI and Anthropic (sk-proj-…, sk-ant-…), OpenRouter, Resend, Mailgun, Inngest
  ...shapes(16, 'sk_ sk- pk_ pk- rk_ rk- whsec_ re_ key- signkey-'),
  // Groq, Hugging Face, Replicate, Perplexity, xAI, NVIDIA
  ...shapes(20, 'gsk_ hf_ r8_ pplx- xai- nvapi-'),
  // PostHog, Supabase, Sentry
  ...shapes(16, 'phc_ phc- phx_ phs_ sb_secret_ sbp_ sntrys_ sntryu_'),
  // GitHub, GitLab, npm, PyPI, RubyGems, Docker
  ...shapes(16, 'ghp_ gho_ ghs_ ghu_ ghr_ github_pat_ glpat- gldt- glrt- glptt-'),
  ...shapes(20, 'npm_ rubygems_ dckr_pat_ pypi-'),
  // Google, SendGrid, Slack
  ...shapes(16, 'AIza ya29. GOCSPX- SG. xoxa- xoxb- xoxo- xoxr- xoxs- xoxp- xoxe- xapp-'),
  // DigitalOcean, Shopify, Vault, Square
  ...shapes(16, 'dop_v1_ doo_v1_ dor_v1_ shpat_ shpss_ shpca_ shppa_ hvs. hvb. sq0atp- sq0csp-'),
  // Doppler, PlanetScale, Linear, Notion, Figma, Tailscale, New Relic, age
  ...shapes(16, 'dp.pt. dp.st. pscale_tkn_ pscale_pw_ lin_api_ ntn_ figd_ tskey- NRAK- AGE-SECRET-KEY-'),
  // Base64 of `{"`, `{ `, `{\n` and `[{"`: tokens and encoded JSON, whatever is in it
  ...shapes(14, 'eyJ eyA ewo W3si'),
]

function shapes(length: number, prefixes: string): Shape[] {
  return prefixes.split(' ').map((prefix) => ({ prefix, length }))
}

/** AWS access keys, Twilio's keys and accounts: a prefix, an alphabet and a length. */
const EXACT: readonly { readonly prefix: string; readonly length: number; readonly alphabet: RegExp }[] = [
  ...['AKIA', 'ASIA'].map((prefix) => ({ prefix, length: 20, alphabet: /^[A-Z2-7\d]+$/ })),
  ...['SK', 'AC'].map((prefix) => ({ prefix, length: 34, alphabet: /^[A-Z]{2}[a-f\d]+$/ })),
]

/** Shapes by their first three characters. */
const BY_START = new Map<number, Shape[]>()
const FIRST = new Uint8Array(128)
for (const shape of SHAPES) {
  const start = startOf(shape.prefix, 0)
  const shapes = BY_START.get(start)
  if (shapes) shapes.push(shape)
  else BY_START.set(start, [shape])
  FIRST[shape.prefix.charCodeAt(0)] = 1
}

function startOf(text: string, at: number): number {
  return (text.charCodeAt(at) << 14) | (text.charCodeAt(at + 1) << 7) | text.charCodeAt(at + 2)
}

/**
 * Hides a token that says by its beginning what it is, at the start of the run or after one of its joints.
 *
 * @returns Where to go on, or -1 when the run holds none.
 */
export function hideOpaque(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const exact = EXACT.find(({ prefix, length }) => to - from === length && text.startsWith(prefix, from))
  if (exact?.alphabet.test(text.slice(from, to))) return hide(scan, from, to, REDACTED)
  let joint = true
  const lastStart = to - SHORTEST_TOKEN
  for (let i = from; i <= lastStart; i++) {
    const code = text.charCodeAt(i)
    if (joint && code < 128 && FIRST[code] === 1 && isToken(scan, i, to)) {
      return hide(scan, i, tokenEnd(scan, to), REDACTED)
    }
    // `.`, `-` and `_`
    joint = code === 46 || code === 45 || code === 95
  }
  return -1
}

function isToken(scan: TextScan, from: number, to: number): boolean {
  const shapes = BY_START.get(startOf(scan.text, from))
  if (!shapes) return false
  // A token that the cut of the text shortened is judged as if it were whole.
  const length = to === scan.text.length ? Infinity : to - from
  for (const shape of shapes) {
    if (length < shape.length || !scan.text.startsWith(shape.prefix, from)) continue
    const start = from + shape.prefix.length
    // Words of English and of somebody's code could begin like some of these.
    if (holdsDigitOrCapital(scan, start, to) || isOneWord(scan.text, start, to)) return true
  }
  return false
}

const LONGEST_WORD = 15

/** No word of a language is so long, and no name of somebody's code goes on for so long without a joint. */
function isOneWord(text: string, from: number, to: number): boolean {
  if (to - from <= LONGEST_WORD) return false
  for (let i = from; i <= from + LONGEST_WORD; i++) if (!isLetter(text.charCodeAt(i))) return false
  return true
}

/** The run, and what base64 adds to its alphabet. */
export function tokenEnd(scan: TextScan, to: number): number {
  let end = to
  while (end < scan.end) {
    const code = scan.text.charCodeAt(end)
    const word = (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
    // + / = ~ and - . _
    if (
      !word &&
      code !== 43 &&
      code !== 47 &&
      code !== 61 &&
      code !== 126 &&
      code !== 45 &&
      code !== 46 &&
      code !== 95
    ) {
      break
    }
    end++
  }
  // The end of a sentence is not part of it.
  while (end > to && scan.text.charCodeAt(end - 1) === 46) end--
  return end
}
