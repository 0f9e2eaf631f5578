/**
 * Says whether every store can hold the text as it is: Postgres has no NUL in `text` and `jsonb`, and UTF-8 has no half of a
 * surrogate pair, which would be stored as another character.
 */
export function isStorable(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text)
}

/**
 * Says whether a person sees anything of the text: it is not made of spaces, control characters and characters without a
 * picture alone, such as the zero-width space or the Hangul filler.
 */
export function isVisible(text: string): boolean {
  return /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(text.replace(/\u2800/g, ''))
}
