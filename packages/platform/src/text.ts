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

/** What ends a line, or the paragraph that bidirectional text is laid out in. */
const BREAKS = [...'\n\v\f\r\u001c\u001d\u001e\u0085\u2028\u2029']
/** Embeddings and overrides, and what ends them; isolates, and what ends those. */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g
const POP_EMBEDDING = '\u202c'
const POP_ISOLATE = '\u2069'

/**
 * Says whether a text of one line, such as a name or a title, leaves what stands around it in order: it has no line break, and
 * ends every embedding, override and isolate of a writing direction that it begins (UAX 9), and no other. An open one would turn
 * around what follows in a list or in the subject of a mail. Text in Arabic or Hebrew needs none of them; marks (U+200E,
 * U+200F, U+061C) and joiners (U+200C, U+200D) are no matter.
 *
 * Right-to-left text moves its neighbours too: put it into a `bdi` element wherever it is shown.
 */
export function isOneLine(text: string): boolean {
  if (BREAKS.some((sign) => text.includes(sign))) return false
  const open: string[] = []
  for (const [sign] of text.matchAll(DIRECTIONS)) {
    if (sign !== POP_EMBEDDING && sign !== POP_ISOLATE) open.push(sign < '\u2066' ? POP_EMBEDDING : POP_ISOLATE)
    else if (open.pop() !== sign) return false
  }
  return open.length === 0
}
