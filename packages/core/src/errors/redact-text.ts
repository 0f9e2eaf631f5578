import type { RedactText } from './failure-slot.ts'

const MAX_KEPT = 2000
/** Longer than `MAX_KEPT`, so that a secret that begins before the cut is read to its end. */
const MAX_READ = 3000

/** Group 1 is kept, the rest hidden. A password may hold `@`, and a `/` that would end the host: up to the last `@`. */
const ADDRESSES = [/(:\/\/)[^\s/@]+(?=@)/g, /(:\/\/[^\s/@]*:)\S*(?=@)/g]
const NAME = String.raw`\b(Bearer |(?:password|token|secret|key)["']?[=:] ?)`
/** Up to a separator, and what is in quotes, escaped and doubled ones included. */
const VALUES = [String.raw`[^\s,;&]+`, String.raw`"(?:\\[^]|""|[^"\\])*`, String.raw`'(?:\\[^]|''|[^'\\])*`]

/**
 * Removes secrets from `text`: by the full rules if this process has them; otherwise it removes the credentials of a URL
 * and the value after the name of a secret.
 */
export function redactText(text: string, full: RedactText | undefined): string {
  if (full) return full(text)
  // The `@` ends an address that is not read to its end.
  const read = text.length > MAX_READ ? `${text.slice(0, MAX_READ)}@` : text
  const hidden = new Uint8Array(read.length)
  const hide = (from: string, rules: readonly RegExp[]): void => {
    for (const rule of rules) {
      for (const { 0: all, 1: kept = '', index } of from.matchAll(rule)) {
        hidden.fill(1, index + kept.length, index + all.length)
      }
    }
  }
  const show = (inPlace: (index: number) => string): string =>
    read.replace(/[^]/g, (each, index: number) => (hidden[index] ? inPlace(index) : each))
  const names = VALUES.map((value) => new RegExp(NAME + value, 'gi'))
  // Each rule sees all of the text, so that none takes a name away from another; and what a URL may hold separates nothing.
  const texts = [read]
  for (const rule of ADDRESSES) {
    hide(read, [rule])
    texts.push(show(() => 'x'))
  }
  for (const each of texts) hide(each, names)
  // Cut last, or the first half of a secret would remain.
  return show((index) => (hidden[index - 1] ? '' : '[redacted]')).slice(0, MAX_KEPT)
}
