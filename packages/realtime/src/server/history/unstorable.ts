import { readField } from '@msc/core'

/** Postgres' code for what exceeds a limit of its own, and ours for a message that could not be told live. */
export const TOO_LARGE = '54000'

/** What its sender is told. */
export const UNSTORABLE_TEXTS = {
  PAYLOAD_INVALID: 'The history can not keep it',
  PAYLOAD_TOO_LARGE: 'The history writes it out, as which it is too large to be told',
} as const

/**
 * Why a history will never take a message: the database has no such text as jsonb (a NUL, half of a surrogate pair), or it is too
 * large there. `undefined` for everything that may be otherwise later.
 */
export function whyUnstorable(error: unknown): keyof typeof UNSTORABLE_TEXTS | undefined {
  const code = readField(error, 'code')
  if (code === TOO_LARGE) return 'PAYLOAD_TOO_LARGE'
  // Postgres' class of data exceptions.
  return typeof code === 'string' && code.startsWith('22') ? 'PAYLOAD_INVALID' : undefined
}
