import { ConfigError, isHeaderValue } from '@msc/core'

/**
 * True when the request carries `Authorization: Bearer <secret>`. Both sides are hashed first, so that the time of the
 * comparison reveals neither the secret nor its length.
 */
export async function carriesSecret(request: Request, secret: string | undefined): Promise<boolean> {
  const header = request.headers.get('authorization') ?? ''
  const expected = `Bearer ${secret ?? ''}`
  const [a, b] = await Promise.all([digest(header), digest(expected)])
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0 && secret !== undefined && secret !== ''
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/**
 * Refuses a secret that no request can carry, and one of less than 16 bytes, which can be guessed. Vercel asks for 16 characters
 * (https://vercel.com/docs/cron-jobs/manage-cron-jobs).
 *
 * @throws ConfigError `CRON_SECRET_INVALID`.
 */
export function assertSecret(driver: string, secret: string): void {
  // Spaces may stand inside of the value of a header field, other than in a token.
  if (
    typeof secret === 'string' &&
    secret.length >= 16 &&
    secret === secret.trim() &&
    isHeaderValue(secret.replaceAll(' ', ''))
  )
    return
  throw new ConfigError(
    `[msc/cron] [${driver}] CRON_SECRET is not a text, has less than 16 characters, begins or ends with white space, or has one that no header can carry.`,
    {
      code: 'CRON_SECRET_INVALID',
      hint: 'Set CRON_SECRET to at least 16 random letters and digits, without white space or a line break at the end.',
    },
  )
}
