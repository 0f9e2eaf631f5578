import { randomHex } from '@msc/core'

/**
 * Returns a version 7 UUID, which sorts by its time. Uses `getRandomValues`, since browsers offer `randomUUID` only to
 * pages with TLS.
 *
 * Source: RFC 9562, section 5.7.
 *
 * @param nowMs Milliseconds since the epoch.
 */
export function uuidv7(nowMs: number): string {
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, '0').slice(-12)
  const random = randomHex(10)
  const variant = (8 + (Number.parseInt(random[3] as string, 16) & 3)).toString(16)
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${random.slice(0, 3)}`,
    `${variant}${random.slice(4, 7)}`,
    random.slice(7, 19),
  ].join('-')
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

export function isUuid(text: string): boolean {
  return UUID.test(text)
}
