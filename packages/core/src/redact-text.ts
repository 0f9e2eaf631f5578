import { processSlot } from './slot.ts'

type RedactText = (text: string) => string

const slot = (): { redact?: RedactText } => processSlot('core/redact-text', () => ({}))

/**
 * Makes the full rule set clean what services say on the console and in their health. Engines that run on servers
 * provide it; what runs in a page alone does without its weight.
 */
export function provideRedactText(redact: RedactText): void {
  slot().redact ??= redact
}

/**
 * `text` without secrets: by the full rules where somebody in this process provided them, else without the credentials
 * of an address and without what follows a name of a secret.
 */
export function redactText(text: string): string {
  const { redact } = slot()
  return redact
    ? redact(text)
    : text
        .slice(0, 2000)
        .replace(/:\/\/[^\s/@]{1,200}@/g, '://[redacted]@')
        .replace(/\b(Bearer |(?:password|token|secret|key)["']?[=:] ?)[^\s,;&]{1,500}/gi, '$1[redacted]')
}
