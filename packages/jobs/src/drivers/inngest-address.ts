import { ConfigError, assertWebAddress, isCredential } from '@msc/core'

/** Where events go, unless `baseUrl` says otherwise. */
export const EVENT_API = 'https://inn.gs'
/** The environment variables of the driver. */
export const VARIABLES = ['INNGEST_EVENT_KEY', 'INNGEST_SIGNING_KEY', 'INNGEST_BASE_URL'] as const

/**
 * Refuses what no event could be sent with, before the driver is loaded.
 *
 * @throws ConfigError `INNGEST_OPTION_MISSING`, `INNGEST_KEY_INVALID`, `ADDRESS_INVALID`.
 */
export function assertInngest(options: {
  readonly eventKey: string
  readonly signingKey: string
  readonly baseUrl?: string
}): void {
  const { eventKey, signingKey, baseUrl } = options
  if (!eventKey || !signingKey) {
    throw new ConfigError(`[msc/jobs] [inngest] Missing option \`${eventKey ? 'signingKey' : 'eventKey'}\`.`, {
      code: 'INNGEST_OPTION_MISSING',
      hint: 'Set INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY.',
    })
  }
  if (!isCredential(eventKey) || !isCredential(signingKey)) {
    throw new ConfigError('[msc/jobs] [inngest] A key is in quotes, or has a character that no key has.', {
      code: 'INNGEST_KEY_INVALID',
      hint: 'Copy INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY anew: they have no spaces, line breaks or quotes.',
    })
  }
  if (baseUrl) assertWebAddress(baseUrl, '[msc/jobs] [inngest]', 'INNGEST_BASE_URL')
}
