/** The first characters of a text; a half of one becomes U+FFFD, so that the text can be encoded. */
export function wellFormed(text: string, most: number): string {
  return text.slice(0, most).replaceAll(/\p{Surrogate}/gu, '\ufffd')
}
