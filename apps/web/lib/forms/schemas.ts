import { isOneLine, isStorable } from '@msc/platform'
import { z } from 'zod'

// The parts that schemas of requests are made of. Text that somebody chooses is `text`; that of one line, such as a name or a title, is `name`.
// Where somebody has to read something in it, add `.refine(isVisible, …)`.

/** Text that every store can hold. */
export const text = z.string().refine(isStorable, 'Remove the characters that can not be stored')

/** A name or a title, which leaves in order what stands around it. */
export const name = text
  .trim()
  .refine(isOneLine, 'Remove the line breaks, and the signs that turn the direction of writing')

/** A number from JSON, or the digits that a form sends for one. Nothing else that could be read as a number. */
export const wholeNumber = z.union(
  [
    z.int(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ],
  'Enter a whole number',
)
