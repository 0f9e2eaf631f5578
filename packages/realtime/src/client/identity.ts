/**
 * Whose a token says it is: account, session and role, as one text. Empty for nobody. Tokens that say nothing, as those
 * that are no JWT, are all of one user. Not verified: the server's word counts, and this only says when to ask it anew.
 */
export function identityOf(token: string | undefined): string {
  if (token === undefined) return ''
  let claims
  try {
    claims = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    // No JWT.
  }
  const { sub, session_id, role } = Object(claims) as Readonly<Record<string, unknown>>
  return JSON.stringify([sub, session_id, role])
}
