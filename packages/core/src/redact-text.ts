import type { RedactText } from './failure-slot.ts'

/**
 * `text` without secrets: by the full rules where somebody in this process provided them, else without the credentials
 * of an address and without what follows a name of a secret.
 */
export function redactText(text: string, full: RedactText | undefined): string {
  return full
    ? full(text)
    : text
        .slice(0, 2000)
        .replace(/:\/\/[^\s/@]{1,200}@/g, '://[redacted]@')
        .replace(/\b(Bearer |(?:password|token|secret|key)["']?[=:] ?)[^\s,;&]{1,500}/gi, '$1[redacted]')
}
