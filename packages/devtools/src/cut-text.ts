import { createRedactor, type Redactor } from '@msc/core'

let redactor: Redactor | undefined

/**
 * Returns at most `max` characters of a text, with a mark where it was cut. A text that is too long is redacted before
 * it is cut, because a later redaction would not recognise a secret by its first half. A text that fits is returned
 * unchanged.
 */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text
  redactor ??= createRedactor({ maxString: Math.max(max, LONGEST) })
  return redactor.text(text, { max })
}

/** The length of the longest texts that are read, which are stacks. */
const LONGEST = 16_000
