import { randomHex } from '@msc/core'
import type { Claims } from '../entrance/claims.ts'
import { fitsName, MAX_NAME_BYTES } from '../../base/name.ts'
import { refusal, type Refused } from './refusal.ts'

/** `user`: a presence key says who somebody is. `any`: it is the client's word. */
export type KeyRule = 'user' | 'any'

type KeyResult = { readonly key: string } | { readonly refused: Refused }

/**
 * Under which key a client is present.
 *
 * @param wanted As the join has it; empty where the client leaves it to the server.
 */
export function presenceKeyOf(wanted: string, claims: Claims, rule: KeyRule): KeyResult {
  const { sub, role } = claims
  if (!fitsName(wanted)) {
    return { refused: refusal('PAYLOAD_INVALID', `A presence key has at most ${MAX_NAME_BYTES} bytes`) }
  }
  // The service role is the operator's own, and above this as it is above the policies.
  if (rule === 'any' || role === 'service_role') return { key: wanted || randomHex(8) }
  // Nobody's word is taken for who they are.
  if (sub === undefined) return { key: anonymous() }
  if (wanted === '') return { key: fitsName(sub) ? sub : anonymous() }
  if (wanted === sub || wanted.startsWith(`${sub}:`)) return { key: wanted }
  return { refused: refusal('FORBIDDEN', 'A presence key is the user’s id, or begins with it and a colon') }
}

/** The key after a token of another user: the same where it may have it, else its own. */
export function nextKey(key: string, claims: Claims, rule: KeyRule): string {
  if (claims.sub === undefined && key.startsWith(ANONYMOUS)) return key
  const result = presenceKeyOf(key, claims, rule)
  if ('key' in result) return result.key
  const own = presenceKeyOf('', claims, rule)
  return 'key' in own ? own.key : anonymous()
}

const ANONYMOUS = 'anon:'
const anonymous = (): string => `${ANONYMOUS}${randomHex(8)}`
