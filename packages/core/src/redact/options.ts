/** Options of `redact`, `createRedactor` and `configureRedaction`. */
export interface RedactOptions {
  /**
   * Property names that are hidden in addition to the built-in ones. They are compared by words: `promoCode` also hides
   * `promo_code`, `X-Promo-Code` and `lastPromoCode`, but not `promoCodes`.
   */
  readonly keys?: readonly string[]
  /**
   * Matches inside a string are replaced by `[redacted]`, after the built-in rules. Patterns only see text that has
   * been cut to `maxString`, but their cost is the caller's: a pattern that backtracks without bound still does.
   */
  readonly patterns?: readonly RegExp[]
  /**
   * `deny` (the default) hides what is known to be secret. `allow` hides every named value, including numbers and
   * booleans, unless its own name or that of an enclosing object is in `allow`; the rules of `deny` still apply to what
   * is kept. A value without a name (the root, or an item of a root array) is kept.
   */
  readonly mode?: 'deny' | 'allow'
  /** Property names that are kept in `allow` mode, compared as a whole, ignoring case and separators. */
  readonly allow?: readonly string[]
  /** Levels below the root that are kept, at most 100. Default 8. */
  readonly maxDepth?: number
  /** Properties or items of one object that are kept. Default 200. */
  readonly maxEntries?: number
  /** Characters of one string that are kept, at least 64. Default 10 000. */
  readonly maxString?: number
  /** Values that one call reads; the rest becomes `[cut]`. Default 10 000. */
  readonly maxNodes?: number
  /** Characters that one call reads, including names; the rest becomes `[cut]`. Default 200 000. */
  readonly maxChars?: number
}

/** Made by `createRedactor`. Calling it returns a copy that is safe to store, print or send. */
export interface Redactor {
  <T>(value: T): T
  /**
   * Applies only the text rules, for messages, topics and names. Never throws. Pass the whole text and give the length
   * that you keep in `max`: a text that was cut beforehand may end in the middle of a secret, which no rule recognises
   * any more.
   */
  text(input: string, options?: TextOptions): string
}

/** Options of `Redactor.text`. */
export interface TextOptions {
  /** Characters to keep, less than `maxString`; a mark with the original length follows them. */
  readonly max?: number
}

/** The limits of one call, with the defaults filled in. */
export interface Limits {
  readonly maxDepth: number
  readonly maxEntries: number
  readonly maxString: number
  readonly maxNodes: number
  readonly maxChars: number
}

const DEFAULTS: Limits = { maxDepth: 8, maxEntries: 200, maxString: 10_000, maxNodes: 10_000, maxChars: 200_000 }
const DEEPEST = 100

/**
 * Returns each limit from the first source that sets it, or the default. Values that are too small or not numbers are
 * ignored.
 */
export function limitsOf(...sources: readonly RedactOptions[]): Limits {
  const pick = (name: keyof Limits, min: number): number => {
    for (const source of sources) {
      const value = source[name]
      if (typeof value === 'number' && value >= min) return Math.floor(value)
    }
    return DEFAULTS[name]
  }
  return {
    maxDepth: Math.min(DEEPEST, pick('maxDepth', 0)),
    maxEntries: pick('maxEntries', 1),
    maxString: pick('maxString', 1),
    maxNodes: pick('maxNodes', 1),
    maxChars: pick('maxChars', 1),
  }
}
