import type { RedactText } from './failure-slot.ts'

const MAX_KEPT = 2000
/** Longer than `MAX_KEPT`, so that a secret that begins before the cut is read to its end. */
const MAX_READ = 3000

/**
 * Removes secrets from `text`: by the full rules if this process has them; otherwise it removes the credentials of a URL
 * and the value after the name of a secret.
 */
export function redactText(text: string, full: RedactText | undefined): string {
  if (full) return full(text)
  // The `@` ends an address that is not read to its end.
  const read = text.length > MAX_READ ? `${text.slice(0, MAX_READ)}@` : text
  return (
    read
      // After `:`, up to the last `@`: a password may hold one, and the signs that would end the host.
      .replace(/:\/\/[^\s/?#@:"',]*(?::\S*)?@/g, '://[redacted]@')
      .replace(SECRET, '$1[redacted]')
      // Cut last, or the first half of a secret would remain.
      .slice(0, MAX_KEPT)
  )
}

/** The value after the name of a secret: what is in quotes, escaped and doubled ones included, and then up to a separator. */
const SECRET =
  /\b(Bearer |(?:password|token|secret|key)\\?["']?[=:] ?)(?:"(?:\\.|""|[^"\\])*"?|'(?:\\.|''|[^'\\])*'?)?[^\s,;&]*/gi
