/** When a JWT expires, milliseconds since the epoch; `undefined` where it does not say. Not verified: only a hint. */
export function expiresAt(token: string): number | undefined {
  const exp = claimsOf(token)['exp']
  return typeof exp === 'number' ? exp * 1000 : undefined
}

/** Whose it says it is. Not verified: only a hint. */
export function subjectOf(token: string): string | undefined {
  const sub = claimsOf(token)['sub']
  return typeof sub === 'string' ? sub : undefined
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const payload = token.split('.')[1] ?? ''
    return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as Record<string, unknown>
  } catch {
    return {}
  }
}
