import { createHmac, randomBytes } from 'node:crypto'
import type { Redactor } from '@msc/core'

/** Longer ids are replaced: cutting them would make one person of several. */
const MAX_ID = 128

/** Properties in which PostHog's SDKs repeat who they speak of. */
export const PERSON_PROPERTIES: readonly string[] = [
  'distinct_id',
  '$distinct_id',
  '$user_id',
  '$anon_distinct_id',
  '$device_id',
  'alias',
]

/**
 * Ids of persons that are safe to keep: an id in which the rules of redaction find personal data, an e-mail address or
 * what looks like the number of a card, becomes `person_…`, always the same for the same id and never the same for two.
 *
 * @param secret Without it nobody can tell from a record whose it is by trying out addresses.
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
