import { processSlot } from './slot.ts'

export type RedactText = (text: string) => string

const slot = (): { redact?: RedactText } => processSlot('core/redact-text', () => ({}))

/**
 * Makes the full rule set clean what services say on the console and in their health. Engines that run on servers
 * provide it; what runs in a page alone does without its weight.
 */
export function provideRedactText(redact: RedactText): void {
  slot().redact ??= redact
}

/** The full rule set, where somebody in this process provided it. */
export function providedRedactText(): RedactText | undefined {
  return slot().redact
}
