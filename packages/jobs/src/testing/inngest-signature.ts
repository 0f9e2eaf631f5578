import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** RFC 8785 for what JSON.parse returns: keys in UTF-16 order, numbers and strings as JSON.stringify writes them. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`
}

const bareKey = (signingKey: string): string => signingKey.replace(/^signkey-\w+-/, '')

/** The `x-inngest-signature` header: `t=<unix seconds>&s=<hmac of body and t>`. */
export function sign(body: string, signingKey: string, nowMs: number = Date.now()): string {
  const t = Math.floor(nowMs / 1000)
  const text = body === '' ? '' : canonicalJson(JSON.parse(body))
  return `t=${t}&s=${createHmac('sha256', bareKey(signingKey)).update(`${text}${t}`).digest('hex')}`
}

/** The bearer token of an SDK's own calls: `signkey-env-` and the SHA-256 of the key's bytes. */
export function isApiToken(header: string | undefined, signingKey: string): boolean {
  const prefix = /^signkey-\w+-/.exec(signingKey)?.[0] ?? ''
  const expected = `Bearer ${prefix}${createHash('sha256')
    .update(Buffer.from(bareKey(signingKey), 'hex'))
    .digest('hex')}`
  const given = Buffer.from(header ?? '')
  return given.length === expected.length && timingSafeEqual(given, Buffer.from(expected))
}
