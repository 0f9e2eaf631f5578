import { sha256 } from '../sha256.ts'

/** Visible ASCII: no space, so that two fields which a proxy has joined by `, ` are no key. */
const VISIBLE = /^[\x21-\x7e]{1,255}$/

/**
 * Returns the key of an `Idempotency-Key` field: 1 to 255 characters of visible ASCII, bare or as a string of structured
 * fields (`"…"`), which is the same key. `undefined` for anything else.
 */
export function parseIdempotencyKey(field: string): string | undefined {
  const text = field.trim()
  const key = text.startsWith('"') ? unquoted(text) : text
  return key !== undefined && VISIBLE.test(key) ? key : undefined
}

/** Source: RFC 8941, section 3.3.3. */
function unquoted(text: string): string | undefined {
  const [, inner] = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text) ?? []
  return inner?.replace(/\\(["\\])/g, '$1')
}

/**
 * Returns a UUID (version 8) for something that a request makes, always the same for the same `idempotencyKey` and name: the
 * id of a row, or the key of a job. Nobody who does not know the key can guess it.
 *
 * @param name Tells apart what one request makes: `release`, `track/1`.
 */
export async function idempotentId(idempotencyKey: string, name: string): Promise<string> {
  const hex = await sha256(JSON.stringify([idempotencyKey, name]))
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
