/**
 * True for a text that a header field can carry as one word, such as a key or a token: visible ASCII, without spaces. `fetch`
 * throws a `TypeError` for most others, which reads as if the server were away.
 *
 * Source: RFC 9110, section 5.5.
 */
export function isHeaderValue(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}
