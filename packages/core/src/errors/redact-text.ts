import type { RedactText } from './failure-slot.ts'

const MAX_KEPT = 2000
/** More than a secret is long that begins before the cut. */
const MAX_READ = 3000

/**
 * `text` without secrets: by the full rules where somebody in this process provided them, else without the credentials
 * of an address and without what follows a name of a secret.
 */
export function redactText(text: string, full: RedactText | undefined): string {
  return full
    ? full(text)
    : text
        .slice(0, MAX_READ)
        .replace(/:\/\/[^\s/@]{1,200}@/g, '://[redacted]@')
        .replace(/\b(Bearer |(?:password|token|secret|key)["']?[=:] ?)[^\s,;&]{1,500}/gi, '$1[redacted]')
        // After the rest, or the first half of a secret would be left.
        .slice(0, MAX_KEPT)
}
