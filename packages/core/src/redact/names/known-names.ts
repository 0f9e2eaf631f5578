import { cleanText, scannedLength } from '../clean-text.ts'
import { MARKS } from '../marks.ts'
import { COUNTED, SECRET, SECRET_LINE, type Verdict } from './names.ts'
import { roleOf } from '../roles.ts'
import { squeeze, type KnownName, type Rules } from '../rules.ts'

const LONGEST_NAME = 200
const MAX_NAMES = 2000

/** Judges and cleans a property name; the result is cached. */
export function knownName(rules: Rules, name: string): KnownName {
  const known = rules.known.get(name)
  if (known !== undefined) return known
  const clean = cleanText(rules, name, LONGEST_NAME)
  const verdict = rules.judge(withoutMarks(name))
  const fresh: KnownName = {
    // A cleaned name must get the same verdict when it is read again.
    verdict: clean === name ? verdict : stricter(verdict, rules.judge(withoutMarks(clean))),
    clean,
    role: roleOf(name, 0, name.length),
    allowed: rules.allow !== undefined && rules.allow.has(squeeze(name.slice(0, LONGEST_NAME))),
  }
  // Names may come from outside, so neither their number nor their length may fill memory.
  if (name.length <= LONGEST_NAME) {
    if (rules.known.size >= MAX_NAMES) rules.known.clear()
    rules.known.set(name, fresh)
  }
  return fresh
}

function stricter(a: Verdict, b: Verdict): Verdict {
  for (const verdict of [SECRET, SECRET_LINE, COUNTED] as const) if (a === verdict || b === verdict) return verdict
  return a
}

/** Removes marks before a name is judged: `[card]` does not name a card. */
function withoutMarks(name: string): string {
  return name.includes('[') ? name.split(MARKS).filter((_, index) => index % 2 === 0).join(' ') : name // prettier-ignore
}

/** Returns what a name costs of the budget, in characters. */
export function nameCost(name: string): number {
  return scannedLength(name, LONGEST_NAME)
}

/**
 * Returns `name`, or `name (2)` and so on when it is taken: two people's addresses must not overwrite each other.
 *
 * @param numbers The last number that each name got in this object, so that none is tried twice.
 */
export function freeName(out: object, name: string, numbers: Map<string, number>): string {
  if (!Object.hasOwn(out, name)) return name
  for (let i = (numbers.get(name) ?? 1) + 1; ; i++) {
    const next = `${name} (${i})`
    if (Object.hasOwn(out, next)) continue
    numbers.set(name, i)
    return next
  }
}
