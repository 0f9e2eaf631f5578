/**
 * A boolean as a client writes it, read as Supabase does (Ecto's cast): also as the text `true`, `false`, `1` or `0`; false where
 * there is none. `undefined` for anything else, which must not be taken for either.
 */
export function flagOf(value: unknown): boolean | undefined {
  if (value === true || value === 'true' || value === '1') return true
  if (value === false || value === 'false' || value === '0' || value === undefined || value === null) return false
  return undefined
}
