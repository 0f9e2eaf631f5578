export const REDACTED = '[redacted]'

export interface RedactOptions {
  /** Property names hidden in addition to the built-in ones; compared without case, `-` and `_`. */
  readonly keys?: readonly string[]
  /** Replaced wherever they match inside a string, in addition to the built-in ones. */
  readonly patterns?: readonly RegExp[]
  /** Levels below the root that are kept. Default 8. */
  readonly maxDepth?: number
  /** Properties or items of one object that are kept. Default 200. */
  readonly maxEntries?: number
  /** Characters of one string that are kept. Default 10 000. */
  readonly maxString?: number
}

// Matched as substrings of the normalised name, so `x-api-key`, `apiKey` and `stripe_api_key` are one rule.
const SECRET_KEYS = [
  'password', 'passwd', 'passphrase', 'secret', 'apikey', 'accesskey', 'privatekey', 'signingkey', 'authorization',
  'cookie', 'session', 'credential', 'token', 'jwt', 'creditcard', 'cardnumber', 'cvv', 'cvc', 'iban', 'accountnumber',
  'sortcode', 'ssn', 'socialsecurity', 'taxid', 'otp', 'pincode',
] as const // prettier-ignore

// Names that hold a rule's word yet no secret; telemetry would be useless without them.
const HARMLESS_KEYS = new Set([
  'tokens', 'tokencount', 'inputtokens', 'outputtokens', 'totaltokens', 'maxtokens', 'aiinputtokens', 'aioutputtokens',
  'sessionid', 'sessionscount', 'tokenssaved', 'prompttokens', 'completiontokens',
]) // prettier-ignore

interface Rule {
  readonly pattern: RegExp
  readonly replace: string | ((match: string, ...groups: string[]) => string)
}

const RULES: readonly Rule[] = [
  { pattern: /\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, replace: REDACTED },
  { pattern: /\b(Bearer|Basic)\s+[\w+/=.~-]{6,}/gi, replace: `$1 ${REDACTED}` },
  // user:password@ in a connection string.
  { pattern: /\b([a-z][\w+.-]*:\/\/)[^\s/@:]*:[^\s/@]+@/gi, replace: `$1${REDACTED}@` },
  { pattern: /\b(?:sk|pk|rk|phc|phx|sb_secret|ghp|gho|xox[abp]|signkey-\w+)[-_][\w-]{12,}/g, replace: REDACTED },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, replace: REDACTED },
  { pattern: /([?&](?:[\w-]*(?:token|key|secret|password|signature|code))=)[^&#\s]+/gi, replace: `$1${REDACTED}` },
  { pattern: /[\w.+-]+@[\w-]+\.[\w.-]*\w/g, replace: '[email]' },
  // On its own: part of a UUID or of a longer number is no card.
  { pattern: /(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])/g, replace: (match) => (passesLuhn(match) ? '[card]' : match) },
]

/**
 * A copy of `value` that is safe to store, print or send: secrets by property name, secrets and personal data by
 * pattern, cycles cut, size bounded. The one rule set for every sink and signal.
 *
 * Never throws (a getter that does becomes `[unreadable]`) and never changes its argument.
 * Plain data comes back as plain data; an `Error` becomes `{name, message, stack, …}`.
 */
export function redact<T>(value: T, options: RedactOptions = {}): T {
  return createRedactor(options)(value)
}

/** {@link redact} with its rules prepared once; for a hot path. */
export function createRedactor(options: RedactOptions = {}): <T>(value: T) => T {
  const { maxDepth = 8, maxEntries = 200, maxString = 10_000 } = options
  const secretKeys = [...SECRET_KEYS, ...(options.keys ?? []).map(normalise)]
  const rules = [...RULES, ...(options.patterns ?? []).map(globalRule)]
  const verdicts = new Map<string, boolean>()

  const isSecret = (key: string): boolean => {
    let verdict = verdicts.get(key)
    if (verdict === undefined) {
      const name = normalise(key)
      verdict = !HARMLESS_KEYS.has(name) && secretKeys.some((secret) => name.includes(secret))
      // Bounded: property names can come from outside.
      if (verdicts.size < 1000) verdicts.set(key, verdict)
    }
    return verdict
  }

  const text = (input: string): string => {
    // Cut with slack first: rules must not run over megabytes, and must still see a whole secret at the cut.
    let out = input.length > maxString + 500 ? input.slice(0, maxString + 500) : input
    for (const { pattern, replace } of rules) out = out.replace(pattern, replace as string)
    return out.length > maxString ? `${out.slice(0, maxString)}… (${input.length} characters)` : out
  }

  const walk = (input: unknown, depth: number, ancestors: readonly object[]): unknown => {
    if (typeof input === 'string') return text(input)
    if (typeof input === 'bigint') return `${input}n`
    if (typeof input === 'function' || typeof input === 'symbol') return `[${typeof input}]`
    if (typeof input !== 'object' || input === null) return input
    if (ancestors.includes(input)) return '[circular]'
    if (depth > maxDepth) return '[too deep]'
    const path = [...ancestors, input]
    const inner = (child: unknown): unknown => walk(child, depth + 1, path)
    if (input instanceof Date) return input
    if (Array.isArray(input)) return bounded(input, maxEntries).map(inner)
    if (input instanceof Set) return bounded([...input], maxEntries).map(inner)
    if (input instanceof Map) return walk(Object.fromEntries([...input].map(([k, v]) => [String(k), v])), depth, path)
    if (ArrayBuffer.isView(input)) return `[${input.byteLength} bytes]`
    return members(input, isSecret, inner, maxEntries)
  }

  return <T>(value: T): T => walk(value, 0, []) as T
}

function members(
  input: object,
  isSecret: (key: string) => boolean,
  inner: (value: unknown) => unknown,
  maxEntries: number,
): Record<string, unknown> {
  const keys = Object.keys(input)
  // An error's own fields aren't enumerable, and are what one wants to read.
  if (input instanceof Error) keys.unshift('name', 'message', 'stack', ...(input.cause === undefined ? [] : ['cause']))
  const out: Record<string, unknown> = {}
  for (const key of bounded(keys, maxEntries)) {
    let child: unknown
    try {
      child = (input as Record<string, unknown>)[key]
    } catch {
      child = '[unreadable]'
    }
    // defineProperty, because a key named __proto__ would otherwise set the prototype.
    Object.defineProperty(out, key, {
      value: isSecret(key) && child !== undefined && child !== null ? REDACTED : inner(child),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return out
}

function bounded<T>(items: readonly T[], max: number): readonly T[] {
  return items.length > max ? items.slice(0, max) : items
}

function normalise(key: string): string {
  return key.toLowerCase().replace(/[^a-z\d]/g, '')
}

function globalRule(pattern: RegExp): Rule {
  const flags = pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`
  return { pattern: new RegExp(pattern.source, flags), replace: REDACTED }
}

/** ISO/IEC 7812-1 check digit: tells a card number from an order number of the same length. */
function passesLuhn(candidate: string): boolean {
  let sum = 0
  let double = false
  for (let i = candidate.length - 1; i >= 0; i--) {
    const digit = candidate.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) continue
    const value = double ? digit * 2 : digit
    sum += value > 9 ? value - 9 : value
    double = !double
  }
  return sum % 10 === 0
}
