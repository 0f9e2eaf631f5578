import type { SecretFamily } from './family.ts'

/** One way for a value to hold a secret. */
export interface SecretCarrier {
  readonly name: string
  /** Returns a value that holds the secret, or the reason why this carrier can't hold the family. */
  carry(family: SecretFamily, secret: string): Carried
}

export type Carried = { readonly value: unknown } | { readonly impossible: string }
