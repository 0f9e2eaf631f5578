import { cleanText, scannedLength } from './clean-text.ts'
import { squeeze, type KnownName, type Rules } from './rules.ts'

const LONGEST_NAME = 200
const MOST_NAMES = 2000

/** A property name judged and cleaned, from memory where it was met before. */
export function knownName(rules: Rules, name: string): KnownName {
  const known = rules.known.get(name)
  if (known !== undefined) return known
  const fresh: KnownName = {
    verdict: rules.judge(name),
    clean: cleanText(rules, name, LONGEST_NAME),
    allowed: rules.allow !== undefined && rules.allow.has(squeeze(name.slice(0, LONGEST_NAME))),
  }
  // Names may come from outside: neither many nor long ones may fill memory.
  if (name.length <= LONGEST_NAME) {
    if (rules.known.size >= MOST_NAMES) rules.known.clear()
    rules.known.set(name, fresh)
  }
  return fresh
}

/** What a name costs of the budget. */
export function nameCost(name: string): number {
  return scannedLength(name, LONGEST_NAME)
}

/** `name`, or `name (2)` and so on where it is taken: two people's addresses must not overwrite each other. */
export function freeName(out: object, name: string): string {
  if (!Object.hasOwn(out, name)) return name
  for (let i = 2; ; i++) {
    const next = `${name} (${i})`
    if (!Object.hasOwn(out, next)) return next
  }
}
