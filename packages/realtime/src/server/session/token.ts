import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { NO_READER_TEXT } from '../admission/departures.ts'
import { verifyToken } from '../entrance/claims.ts'
import type { Permission } from '../policies/permissions.ts'
import { closeMembership } from '../rooms/membership.ts'
import { untrack } from '../rooms/presence.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { SessionContext } from './context.ts'
import { mayHear } from './join.ts'
import { nextKey } from './presence-key.ts'
import { ENDED, limited, REMOVED_TEXT, UNASKED, UNAVAILABLE } from './refusal.ts'

/**
 * A token that is not valid, or no longer allows the topic, ends the membership, and says why first. So does one of which nobody
 * can say now whether it does, in a way after which the client joins again.
 */
export async function onToken(membership: Membership, token: unknown, context: SessionContext): Promise<void> {
  if (typeof token !== 'string' || token === '' || token.startsWith('sb_')) return
  const close = (message: string): void => closeMembership(membership, message, context.rooms)
  const closeForNow = (message: string): void => closeMembership(membership, message, context.rooms, 'phx_error')
  const verified = await verifyToken(token, context.jwtSecret)
  const { changes, topic, connection } = membership
  // It may have left, or been sent away, meanwhile.
  const isMember = (): boolean => connection.memberships.get(`${CHANNEL}${topic}`) === membership
  if ('error' in verified) return isMember() ? close(verified.error) : undefined
  const { claims } = verified
  await context.liveness.during(claims, async (verdict, isEnded) => {
    const watch = context.departures.watch([topic], claims.sub)
    let may: Permission = 'allowed'
    try {
      if (verdict === 'live' && membership.private) may = await context.ask({ claims, topic, action: 'read' })
      if (verdict === 'live' && may === 'allowed') may = await mayHear(claims, changes, context)
    } finally {
      watch.over()
    }
    if (!isMember()) return
    if (verdict === 'unavailable') return closeForNow(UNAVAILABLE.reason)
    if (verdict === 'ended' || isEnded()) return close(ENDED.reason)
    if (may === 'unavailable') return closeForNow(UNASKED.reason)
    if (may === 'denied') return close(`You do not have permissions to read from this Channel topic: ${topic}`)
    // Whoever it is now may have been taken out of its readers after the policies were asked.
    const departure = membership.private && watch.over()
    if (departure) return departure === 'unsure' ? closeForNow(UNASKED.reason) : close(NO_READER_TEXT)
    if (context.bans.left(claims, topic, membership.private) > 0) return close(REMOVED_TEXT)
    const crowded = connection.place.become(claims)
    if (crowded) return close(limited(crowded).reason)
    if (claims.sub !== membership.claims.sub) {
      // The others must not see the one as the other.
      untrack(membership, context.rooms)
      const { enabled, key } = membership.presence
      membership.presence = { enabled, key: nextKey(key, claims, context.presenceKey) }
    }
    context.rooms.become(membership, claims)
  })
}
