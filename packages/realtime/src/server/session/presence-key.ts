import { randomHex } from '@msc/core'
import type { Claims } from '../entrance/claims.ts'
import { fitsName, NAME_RULE } from '../../base/name.ts'
import { refusal, type Refused } from './refusal.ts'

/** `user`: a presence key says who somebody is. `any`: it is the client's word. */
export type KeyRule = 'user' | 'any'

type KeyResult = { readonly key: string } | { readonly refused: Refused }

/**
 * Under which key a client is present. Empty where the server chooses one: that is done by `ownKey` when something is tracked,
 * which most members never do.
 *
 * @param wanted As the join has it; empty where the client leaves it to the server.
 */
export function presenceKeyOf(wanted: string, claims: Claims, rule: KeyRule): KeyResult {
  const { sub } = claims
  if (!fitsName(wanted)) {
    return {
      refused: refusal('PAYLOAD_INVALID', `A presence key has ${NAME_RULE}`),
    }
  }
  if (isFree(claims, rule)) return { key: wanted }
  // Nobody's word is taken for who they are.
  if (sub === undefined) return { key: '' }
  if (wanted === '') return { key: fitsName(sub) ? sub : '' }
  if (wanted === sub || wanted.startsWith(`${sub}:`)) return { key: wanted }
  return { refused: refusal('FORBIDDEN', 'A presence key is the user’s id, or begins with it and a colon') }
}

/** A key that nobody else has. */
export function ownKey(claims: Claims, rule: KeyRule): string {
  return `${isFree(claims, rule) ? '' : ANONYMOUS}${randomHex(8)}`
}

/** The key after a token of another user: the same where it may have it, else its own. */
export function nextKey(key: string, claims: Claims, rule: KeyRule): string {
  if (claims.sub === undefined && key.startsWith(ANONYMOUS)) return key
  const result = presenceKeyOf(key, claims, rule)
  if ('key' in result) return result.key
  const own = presenceKeyOf('', claims, rule)
  return 'key' in own ? own.key : ''
}

/** Does a key of this member's say who it is? Not one that the server has yet to choose. */
export const isOwn = (key: string, claims: Claims, rule: KeyRule): boolean => key !== '' && !isFree(claims, rule)

/** The service role is the operator's own, and above this as it is above the policies. */
const isFree = ({ role }: Claims, rule: KeyRule): boolean => rule === 'any' || role === 'service_role'

const ANONYMOUS = 'anon:'
