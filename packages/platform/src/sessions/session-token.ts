import { hexOf } from '@msc/core/hash'

/** 32 bytes in base64url. A JWT has dots and is longer, so neither is ever taken for the other. */
const TOKEN = /^[\w-]{43}$/

/** Says whether a value has the form of a session token. Says nothing about whether there is such a session. */
export function isSessionToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}

/** Returns a new token of 256 random bits. */
export function newSessionToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=$/, '')
}

/**
 * Returns the SHA-256 of a text as hex digits. A token is hashed as text, not as the bytes that it stands for: its last
 * character has two bits to spare, so that four texts stand for the same bytes.
 */
export async function sha256(text: string): Promise<string> {
  return hexOf(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
