type Version = readonly [major: number, minor: number, patch: number]

/**
 * Says whether a version is in a range of a package.json: `^1.2.0`, `~1.2`, `>=5.4.2`, `>=20 <25`, `1.x`, `*`, or
 * several of them joined with `||`. A prerelease counts as the release that it precedes.
 *
 * @returns `undefined` when the version or the range has another form, such as a tag or a URL.
 */
export function satisfies(version: string, range: string): boolean | undefined {
  const given = parse(version)
  const alternatives = range.split('||').map((each) => each.trim().replaceAll(/([<>=^~])\s+/g, '$1'))
  const verdicts = alternatives.map((alternative) => given && satisfiesAll(given, alternative))
  if (verdicts.includes(true)) return true
  return verdicts.includes(undefined) ? undefined : false
}

function satisfiesAll(version: Version, comparators: string): boolean | undefined {
  const verdicts = comparators.split(/\s+/).map((each) => compare(version, each))
  return verdicts.includes(undefined) ? undefined : !verdicts.includes(false)
}

function compare(version: Version, comparator: string): boolean | undefined {
  if (/^[*x]?$/i.test(comparator)) return true
  const [, operator = '', text = ''] = /^(\^|~|>=|<=|>|<|=)?v?(.+)$/.exec(comparator) ?? []
  const bound = parse(text)
  if (!bound) return undefined
  const order = orderOf(version, bound)
  if (operator === '>=') return order >= 0
  if (operator === '<') return order < 0
  // The parts that `>1` and `<=1` omit stand for every value.
  if (operator === '>') return order > 0 && orderOf(version, nextAfter(bound, given(text))) >= 0
  if (operator === '<=') return orderOf(version, nextAfter(bound, given(text))) < 0
  return order >= 0 && orderOf(version, upperBound(bound, operator, given(text))) < 0
}

function upperBound(bound: Version, operator: string, parts: number): Version {
  const [major, minor] = bound
  if (operator === '~') return nextAfter(bound, Math.min(parts, 2))
  if (operator !== '^') return nextAfter(bound, parts)
  // A caret fixes the first part that is not zero.
  if (major > 0 || parts === 1) return nextAfter(bound, 1)
  return nextAfter(bound, minor > 0 || parts === 2 ? 2 : 3)
}

/** Returns the lowest version that differs in the first `parts` parts. */
function nextAfter([major, minor, patch]: Version, parts: number): Version {
  if (parts <= 1) return [major + 1, 0, 0]
  return parts === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1]
}

function orderOf(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

/** Returns how many parts a version has: 1 for `22` and `22.x`. */
function given(text: string): number {
  return text
    .split(/[-+]/)[0]!
    .split('.')
    .filter((part) => /^\d+$/.test(part)).length
}

function parse(text: string): Version | undefined {
  const found = /^v?(\d+)(?:\.(\d+|[x*]))?(?:\.(\d+|[x*]))?(?:[-+].*)?$/i.exec(text.trim())
  if (!found) return undefined
  const part = (index: number): number => Number(found[index]) || 0
  return [part(1), part(2), part(3)]
}
