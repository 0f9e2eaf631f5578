/** Options of `redact`, `createRedactor` and `configureRedaction`. */
export interface RedactOptions {
  /**
   * Property names hidden in addition to the built-in ones. Compared by words: `promoCode` also hides `promo_code`,
   * `X-Promo-Code` and `lastPromoCode`, and leaves `promoCodes` alone.
   */
  readonly keys?: readonly string[]
  /**
   * Replaced by `[redacted]` wherever they match inside a string, after the built-in rules. They only ever see text
   * that has been cut to `maxString`, but their own cost is theirs: a pattern that backtracks without bound still does.
   */
  readonly patterns?: readonly RegExp[]
  /**
   * `deny` (the default) hides what is known to be secret. `allow` hides every named value, numbers and booleans
   * included, unless its name or that of an object around it is in `allow`; the rules of `deny` still apply to what is
   * kept. A value without a name (the root, or an item of a root array) is kept.
   */
  readonly mode?: 'deny' | 'allow'
  /** Property names kept in `allow` mode, compared whole, without case and separators. */
  readonly allow?: readonly string[]
  /** Levels below the root that are kept, at most 100. Default 8. */
  readonly maxDepth?: number
  /** Properties or items of one object that are kept. Default 200. */
  readonly maxEntries?: number
  /** Characters of one string that are kept, at least 64. Default 10 000. */
  readonly maxString?: number
  /** Values of one call that are looked at; the rest becomes `[cut]`. Default 10 000. */
  readonly maxNodes?: number
  /** Characters of one call that are looked at, names included; the rest becomes `[cut]`. Default 200 000. */
  readonly maxChars?: number
}

/** Made by `createRedactor`. Calling it returns a copy that is safe to store, print or send. */
export interface Redactor {
  <T>(value: T): T
  /**
   * The text rules alone, for messages, topics and names. Never throws. Hand the whole text over and say in `max` how
   * much of it you keep: what is cut beforehand may end in the middle of a secret, where no rule knows it any more.
   */
  text(input: string, options?: TextOptions): string
}

/** Options of `Redactor.text`. */
export interface TextOptions {
  /** Characters that are kept, less than `maxString`; a mark with the original length follows them. */
  readonly max?: number
}

/** The bounds of one call, all set. */
export interface Limits {
  readonly maxDepth: number
  readonly maxEntries: number
  readonly maxString: number
  readonly maxNodes: number
  readonly maxChars: number
}

const DEFAULTS: Limits = { maxDepth: 8, maxEntries: 200, maxString: 10_000, maxNodes: 10_000, maxChars: 200_000 }
const DEEPEST = 100

/** The limits of the first source that names them, or the defaults. Anything but a number of at least 1 is ignored. */
export function limitsOf(...sources: readonly RedactOptions[]): Limits {
  const pick = (name: keyof Limits, least: number): number => {
    for (const source of sources) {
      const value = source[name]
      if (typeof value === 'number' && value >= least) return Math.floor(value)
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
