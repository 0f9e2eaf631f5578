/**
 * The pattern language of every driver: `*` is any run of characters, `?` is one, a backslash makes the next character
 * literal. Everything else is itself. A character is a code point. Redis also knows `[…]`, and takes `?` for one byte:
 * `toRedisGlob` escapes the one and widens the other, so that all drivers agree.
 */
export function isGlob(pattern: string): boolean {
  for (const token of tokens(pattern)) if (token.wild) return true
  return false
}

/** `text` as a pattern that matches only itself. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?]/g, '\\$&')
}

export function globToRegExp(pattern: string): RegExp {
  let source = ''
  for (const { char, wild } of tokens(pattern)) {
    if (!wild) source += char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    else if (char === '?') source += '[^]'
    // Two stars in a row mean one; collapsing them keeps the expression from backtracking for ever.
    else if (!source.endsWith('[^]*')) source += '[^]*'
  }
  return new RegExp(`^${source}$`, 'u')
}

/** What every key that matches begins with, or less: what comes before the first wildcard or escape. */
export function literalPrefix(pattern: string): string {
  return /^[^*?\\]*/.exec(pattern)?.[0] ?? ''
}

/**
 * A pattern for Redis `MATCH` that all keys match which match this one, and others: what comes back is to be held against
 * `globToRegExp`.
 */
export function toRedisGlob(pattern: string): string {
  let out = ''
  for (const { char, wild } of tokens(pattern)) {
    if (!wild) out += /[\\*?[\]^-]/.test(char) ? `\\${char}` : char
    else if (!out.endsWith('*') || out.endsWith('\\*')) out += '*'
  }
  return out
}

/** A pattern without wildcards, as the key it stands for. */
export function unescapeGlob(pattern: string): string {
  let out = ''
  for (const { char } of tokens(pattern)) out += char
  return out
}

function* tokens(pattern: string): Generator<{ char: string; wild: boolean }> {
  const chars = [...pattern]
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] as string
    const next = chars[i + 1]
    if (char === '\\' && next !== undefined) {
      i += 1
      yield { char: next, wild: false }
    } else {
      yield { char, wild: char === '*' || char === '?' }
    }
  }
}
