/** 32 bytes in base64url. A JWT has dots and is longer, so neither is ever taken for the other. */
const TOKEN = /^[\w-]{43}$/

/** Says whether a value has the form of a session token. Says nothing about whether there is such a session. */
export function isSessionToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}

/**
 * Returns a new token of 256 random bits. What is stored is the hash of its text, not of the bytes that it stands for: its
 * last character has two bits to spare, so that four texts stand for the same bytes.
 */
export function newSessionToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=$/, '')
}
