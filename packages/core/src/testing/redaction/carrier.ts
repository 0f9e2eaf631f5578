import type { SecretFamily } from './family.ts'

/** A way in which a value holds a secret. */
export interface SecretCarrier {
  readonly name: string
  /** The value with the secret in it, or why this carrier can't carry a family. */
  carry(family: SecretFamily, secret: string): Carried
}

export type Carried = { readonly value: unknown } | { readonly impossible: string }
