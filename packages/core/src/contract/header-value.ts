/**
 * True for a text that a header field can carry as one word, such as a key or a token: visible ASCII, without spaces. `fetch`
 * throws a `TypeError` for most others, which reads as if the server were away.
 *
 * Source: RFC 9110, section 5.5.
 */
export function isHeaderValue(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

/**
 * True for a text that can be a key or token of a vendor: what a header field can carry, and not in quotes, which some
 * tools (`docker --env-file` for one) keep as part of a variable's value.
 */
export function isCredential(text: string): boolean {
  return isHeaderValue(text) && !/^(["']).*\1$/.test(text)
}
