import type { SecretFamily } from './family.ts'
import { labelled, objectCarriers } from './object-carriers.ts'
import { textCarriers } from './text-carriers.ts'

/** A way in which a value holds a secret. */
export interface SecretCarrier {
  readonly name: string
  /** The value with the secret in it, or why this carrier can't carry a family. */
  carry(family: SecretFamily, secret: string): Carried
}

export type Carried = { readonly value: unknown } | { readonly impossible: string }

/** Every way in which values of the platform carry text: objects, text of many formats, errors, URLs. */
export const secretCarriers: readonly SecretCarrier[] = [
  ...objectCarriers,
  ...textCarriers.map(({ name, write }) => ({
    name,
    carry(family: SecretFamily, secret: string): Carried {
      const written = write(family, secret)
      return typeof written === 'string' ? { value: { text: written } } : written
    },
  })),
]

export { labelled }
