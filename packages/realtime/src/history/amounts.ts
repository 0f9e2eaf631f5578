import type { refusal } from '../base/refusal.ts'

/** Milliseconds, which may be any part of one; everything else is counted. */
const isTime = (name: string): boolean => /\bms$/.test(name)

/** @throws ConfigError `OPTION_INVALID` for what is there and no number above zero, a whole one for all but `ms`. */
export function assertAmounts(refuse: typeof refusal, amounts: Readonly<Record<string, unknown>>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const isFit = isTime(name) ? Number.isFinite(amount) : Number.isSafeInteger(amount)
    if (amount === undefined || (isFit && (amount as number) > 0)) continue
    throw refuse(`\`${name}\` has to be a ${isTime(name) ? '' : 'whole '}number above zero.`, 'OPTION_INVALID')
  }
}
