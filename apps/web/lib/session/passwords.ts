import { processSlot } from '@msc/core'
import { createPasswords, type Passwords } from '@msc/platform/node'

/** One worker per process hashes, whichever bundle asks. */
export function passwords(): Passwords {
  return processSlot('web/passwords', () => createPasswords())
}
