import type { refusal } from '../base/refusal.ts'

/** @throws ConfigError `OPTION_INVALID` for what is there and no whole number above zero. */
export function assertAmounts(refuse: typeof refusal, amounts: Readonly<Record<string, unknown>>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    if (amount === undefined || (Number.isSafeInteger(amount) && (amount as number) > 0)) continue
    throw refuse(`\`${name}\` has to be a whole number above zero.`, 'OPTION_INVALID')
  }
}
