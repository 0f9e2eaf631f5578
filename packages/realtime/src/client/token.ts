/**
 * When a JWT expires, milliseconds since the epoch; `undefined` where it does not say. Not verified: only a hint. It reads
 * the token by itself, because what is loaded late must not take anything out of what a page loads first.
 */
export function expiresAt(token: string): number | undefined {
  try {
    const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))
    const { exp } = JSON.parse(text) as { exp?: unknown }
    return typeof exp === 'number' ? exp * 1000 : undefined
  } catch {
    return undefined
  }
}
