import { hexOf } from '@msc/core/hash'

/** Returns the SHA-256 of bytes, or of a text in UTF-8, as hex digits. */
export async function sha256(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
  return hexOf(await crypto.subtle.digest('SHA-256', bytes))
}
