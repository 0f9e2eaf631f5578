import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { systemClock } from '@msc/core'

/** How long a form may stay open. */
const VALID_MS = 3_600_000

/** The mark of a form that this process has shown, which a page of somebody else can't read. */
export interface FormTokens {
  make(): string
  isValid(token: string | null): boolean
}

export function createFormTokens(now: () => number = systemClock.now): FormTokens {
  const secret = randomBytes(32)
  const signed = (until: number): string =>
    `${until}.${createHmac('sha256', secret).update(String(until)).digest('base64url')}`
  return {
    make: () => signed(now() + VALID_MS),
    isValid(token) {
      const until = Number(/^(\d{1,16})\./.exec(token ?? '')?.[1])
      if (!(until > now()) || token === null) return false
      const [given, expected] = [Buffer.from(token), Buffer.from(signed(until))]
      return given.length === expected.length && timingSafeEqual(given, expected)
    },
  }
}

/**
 * Whether a request comes from a page of this site. Browsers say so in `Sec-Fetch-Site`; over plain HTTP they don't, but then name
 * the origin. A request that says neither comes from no form.
 */
export function isSameOrigin({ headers, url }: Request): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  const origin = URL.parse(headers.get('origin') ?? '')
  // What a proxy in front has made of the address is not what the browser was told.
  return origin !== null && origin.host === (headers.get('host') ?? new URL(url).host)
}
