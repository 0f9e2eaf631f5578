/** When a JWT expires, milliseconds since the epoch; `undefined` where it does not say. Not verified: only a hint. */
export function expiresAt(token: string): number | undefined {
  const { exp } = claimsOf(token)
  return typeof exp === 'number' ? exp * 1000 : undefined
}

/**
 * Whose a token says it is: account, session and role, as one text. Empty for nobody. Tokens that say nothing, as those
 * that are no JWT, are all of one user. Not verified: the server's word counts, and this only says when to ask it anew.
 */
export function identityOf(token: string | undefined): string {
  if (token === undefined) return ''
  const { sub, session_id: session, role } = claimsOf(token)
  return JSON.stringify([sub, session, role])
}

/** Is it a JWT, so that it says whose it is? */
export const isToken = (text: string): boolean => Object.keys(claimsOf(text)).length > 0

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}
