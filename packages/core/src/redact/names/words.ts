/**
 * Returns the words of a name in lower case: `userAPIKey`, `user-api-key` and `USER_API_KEY` all become `user api key`.
 * Digits are words of their own, so `token2` contains `token`.
 */
export function splitWords(name: string): string[] {
  const words: string[] = []
  let start = -1
  let before: Kind = 'other'
  for (let i = 0; i < name.length; i++) {
    const kind = kindOf(name.charCodeAt(i))
    if (start >= 0 && kind !== before && startsWord(name, i, before, kind)) {
      words.push(name.slice(start, i).toLowerCase())
      start = -1
    } else if (start >= 0 && kind === 'upper' && before === 'upper' && endsAcronym(name, i)) {
      words.push(name.slice(start, i).toLowerCase())
      start = -1
    }
    if (kind === 'other') start = -1
    else if (start < 0) start = i
    before = kind
  }
  if (start >= 0) words.push(name.slice(start).toLowerCase())
  return words
}

type Kind = 'lower' | 'upper' | 'digit' | 'other'

function kindOf(code: number): Kind {
  if (code >= 97 && code <= 122) return 'lower'
  if (code >= 65 && code <= 90) return 'upper'
  if (code >= 48 && code <= 57) return 'digit'
  // Letters beyond ASCII count as lower case: names are split only at ASCII capitals.
  return code >= 0xc0 ? 'lower' : 'other'
}

function startsWord(name: string, at: number, before: Kind, kind: Kind): boolean {
  // In `Token`, the capital belongs to the letters after it.
  if (before === 'upper' && kind === 'lower') return false
  // `sha256sum` is three words, `APIKEYs` is one.
  return kind !== before && at < name.length
}

/** True at the `K` of `APIKey`, which begins the next word. The `s` of `APIKEYs` is a plural, not a word. */
function endsAcronym(name: string, at: number): boolean {
  if (at + 1 >= name.length || kindOf(name.charCodeAt(at + 1)) !== 'lower') return false
  return !(name.charCodeAt(at + 1) === 115 && (at + 2 >= name.length || kindOf(name.charCodeAt(at + 2)) !== 'lower'))
}
