import { createRandom, type Random } from './random.ts'

/** One kind of secret. */
export interface SecretFamily {
  readonly name: string
  /** The property, header or parameter that it is sent as. */
  readonly property: string
  /** True when a value is recognised without its name. Otherwise every carrier has to write the name beside it. */
  readonly shaped: boolean
  /** True when its values are digits, so that they are also sent as numbers. */
  readonly numeric: boolean
  /** True when its values are whole URLs, of which the secret is a part. */
  readonly url: boolean
  /** Returns a realistic value, the same for the same seed. */
  generate(seed: number): string
}

type Trait = 'numeric' | 'url'

export function named(name: string, property: string, draw: (random: Random) => string, trait?: Trait): SecretFamily {
  return family(name, property, draw, false, trait)
}

export function shaped(name: string, property: string, draw: (random: Random) => string, trait?: Trait): SecretFamily {
  return family(name, property, draw, true, trait)
}

function family(
  name: string,
  property: string,
  draw: (random: Random) => string,
  isShaped: boolean,
  trait: Trait | undefined,
): SecretFamily {
  return {
    name,
    property,
    shaped: isShaped,
    numeric: trait === 'numeric',
    url: trait === 'url',
    generate: (seed) => draw(createRandom(seed)),
  }
}

const SCHEME = /^(?:Bearer|Token|Basic) /
const SHORTEST_PIECE = 8

/**
 * Returns the parts of a value that must not be readable: without the scheme of a header, the host of a URL, the label
 * of a PEM and the harmless cookies beside the secret one.
 */
export function secretParts(family: SecretFamily, value: string): string[] {
  if (family.property === 'DATABASE_URL') return [value.slice('postgres://app:'.length, value.lastIndexOf('@'))]
  if (family.url)
    return [value.slice(value.indexOf('/', 'https://'.length) + 1).replace(/^(?:services|api\/webhooks)\//, '')]
  if (family.property === 'cookie') return [value.slice(value.indexOf('sid=') + 4)]
  if (value.startsWith('-----BEGIN')) return value.split('\n').slice(1, -1)
  return [value.replace(SCHEME, '')]
}

/**
 * Finds what can still be read of a secret in a rendering of the result: the whole of it, or a piece of eight
 * characters, raw or as JSON, URLs and XML encode it.
 *
 * @returns The first piece found, or `undefined`.
 */
export function findLeak(rendering: string, family: SecretFamily, value: string): string | undefined {
  for (const part of secretParts(family, value)) {
    for (const form of formsOf(part)) {
      const length = Math.min(SHORTEST_PIECE, form.length)
      for (let i = 0; i + length <= form.length; i++) {
        const piece = form.slice(i, i + length)
        if (rendering.includes(piece)) return piece
      }
    }
  }
  return undefined
}

/** Returns a text in every encoding that the carriers use. */
function formsOf(text: string): Set<string> {
  const once = encodeURIComponent(text)
  return new Set([
    text,
    JSON.stringify(text).slice(1, -1),
    JSON.stringify(JSON.stringify(text)).slice(3, -3),
    once,
    encodeURIComponent(once),
    once.replaceAll('%20', '+'),
    text.replaceAll("'", "''"),
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    text.replaceAll(/[ -]/g, ''),
  ])
}
