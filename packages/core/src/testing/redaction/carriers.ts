import type { Carried, SecretCarrier } from './carrier.ts'
import type { SecretFamily } from './family.ts'
import { objectCarriers } from './object-carriers.ts'
import { textCarriers } from './text-carriers.ts'

/** All ways in which values of the platform carry a secret: objects, text of many formats, errors, URLs. */
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
