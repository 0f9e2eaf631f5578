import { createRedactor, type Redactor } from '@msc/core'

let redactor: Redactor | undefined

/**
 * At most `max` characters of a text, with a mark after what is cut. A text that is too long is redacted before it is
 * cut: what redacts it later would not recognise a secret by its first half. What fits is left as it is.
 */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text
  redactor ??= createRedactor({ maxString: Math.max(max, LONGEST) })
  return redactor.text(text, { max })
}

/** Stacks are the longest texts that are read; their bound is `max`. */
const LONGEST = 16_000
