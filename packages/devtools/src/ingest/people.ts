import { createHmac, randomBytes } from 'node:crypto'
import type { Redactor } from '@msc/core'

/** Longer ids are replaced, since cutting them could make one person of several. */
const MAX_ID = 128

/** Properties in which PostHog's SDKs repeat the person's ids. */
export const PERSON_PROPERTIES: readonly string[] = [
  'distinct_id',
  '$distinct_id',
  '$user_id',
  '$anon_distinct_id',
  '$device_id',
  'alias',
]

/**
 * Makes ids of persons safe to keep. An id in which redaction finds personal data, such as an e-mail address or a card
 * number, becomes `person_…`: always the same for one id, and never the same for two.
 *
 * @param secret The key of the hash. Since it is secret, nobody can find out whose a record is by trying addresses.
 */
export function personIds(clean: Redactor, secret: string | undefined): (id: unknown) => string | undefined {
  const key = secret ?? randomBytes(32)
  return (id) => {
    if (typeof id === 'number') return personId(String(id))
    return typeof id === 'string' && id !== '' ? personId(id) : undefined
  }
  function personId(id: string): string {
    if (id.length <= MAX_ID && clean.text(id) === id) return id
    return `person_${createHmac('sha256', key).update(id).digest('hex').slice(0, 24)}`
  }
}
