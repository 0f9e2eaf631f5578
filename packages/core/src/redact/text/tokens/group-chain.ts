// Sequences of groups of four characters, as IBANs are printed, and the remainder by 97 of any few of them (ISO 7064).
import { MAX_97, extend97, value97 } from '../../values/checks.ts'
import { escapedCode, escapedLevel, escapedWidth, readEscape } from '../chars.ts'

/**
 * Sums over a sequence of groups. In hostile text an IBAN could begin at every group; with sums from the start of the
 * sequence, checking one costs the same however long it is, and each group is read once.
 */
export interface GroupChain {
  /**
   * The group at whose end the last request began, and the last group that was read, counted from the start of the
   * sequence.
   */
  first: number
  last: number
  /** Why the sequence ends after `last`: {@link NO_GAP}, {@link NO_GROUP}, or 0 while that is unknown. */
  stop: number
  /**
   * Ring buffers with an entry for each group: where it ends, the remainder of all digits up to there, and the number
   * of those digits modulo 96.
   */
  readonly ends: Int32Array
  readonly rests: Int32Array
  readonly digits: Int32Array
}

/** The size of the ring: more than the groups of the longest IBAN, and a power of two. */
const RING = 16
const NO_GROUP = -2
export const NO_GAP = -3

/** Powers of 10 modulo 97, for exponents below 96; higher exponents repeat them (Fermat). */
const POWERS = /* @__PURE__ */ (() => {
  const powers = new Uint8Array(96)
  for (let exponent = 0, power = 1; exponent < 96; exponent++, power = (power * 10) % 97) powers[exponent] = power
  return powers
})()

export function createGroupChain(): GroupChain {
  const ring = (): Int32Array => new Int32Array(RING)
  return { first: 0, last: -1, stop: 0, ends: ring(), rests: ring(), digits: ring() }
}

/**
 * Reads `count` groups from `from` on, each after a gap.
 *
 * @returns The number of the last one; {@link NO_GAP} or {@link NO_GROUP} when there are fewer.
 */
export function readGroups97(chain: GroupChain, text: string, end: number, from: number, count: number): number {
  while (chain.first <= chain.last && positionOf(chain, chain.first) < from) chain.first++
  if (chain.first > chain.last || positionOf(chain, chain.first) !== from) restart(chain, from)
  const wanted = chain.first + count
  while (chain.last < wanted && chain.stop === 0) readNext(chain, text, end)
  return chain.last < wanted ? chain.stop : wanted
}

/** Returns where a group ends. */
export function positionOf(chain: GroupChain, group: number): number {
  return chain.ends[group & (RING - 1)] as number
}

/** Returns the remainder by 97 of the groups after `first` up to `last`. */
export function restBetween(chain: GroupChain, first: number, last: number): number {
  const from = first & (RING - 1)
  const to = last & (RING - 1)
  const digits = ((chain.digits[to] as number) - (chain.digits[from] as number) + 96) % 96
  const before = (chain.rests[from] as number) * (POWERS[digits] as number)
  return ((chain.rests[to] as number) + 97 * 97 - before) % 97
}

function restart(chain: GroupChain, from: number): void {
  chain.first = 0
  chain.last = 0
  chain.stop = 0
  chain.ends[0] = from
  chain.rests[0] = 0
  chain.digits[0] = 0
}

function readNext(chain: GroupChain, text: string, end: number): void {
  const before = chain.last & (RING - 1)
  const at = chain.ends[before] as number
  const width = gapWidth(text, at)
  const from = at + width
  if (width === 0) chain.stop = NO_GAP
  else if (from + 4 > end) chain.stop = NO_GROUP
  if (chain.stop !== 0) return
  let rest = chain.rests[before] as number
  let digits = chain.digits[before] as number
  for (let i = from; i < from + 4; i++) {
    const value = value97(text.charCodeAt(i))
    if (value > MAX_97) {
      chain.stop = NO_GROUP
      return
    }
    rest = extend97(rest, value)
    digits += value < 10 ? 1 : 2
  }
  const next = ++chain.last & (RING - 1)
  chain.ends[next] = from + 4
  chain.rests[next] = rest % 97
  chain.digits[next] = digits % 96
}

/**
 * Returns the width of the gap between two groups: a space (also a no-break one, as `+`, or encoded) or a hyphen; 0 for
 * none.
 */
export function gapWidth(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= 48 && code <= 122) return 0
  if (code === 32 || code === 45 || code === 43 || code === 0xa0) return 1
  if (code !== 37) return 0
  const escape = readEscape(text, at)
  return escape !== 0 && escapedCode(escape) === 32 && escapedLevel(escape) < 4 ? escapedWidth(escape) : 0
}
