import { ValidationError, assertNumbers, emit } from '@msc/core'
import type { Bans, Kicked } from './admission/bans.ts'
import type { Ended, Liveness } from './admission/liveness.ts'
import type { Revocations, Revoked } from './admission/revocations.ts'
import type { Counters } from './counters.ts'
import type { Clients } from './entrance/clients.ts'

/** Whom `kick` sends away, and for how long. */
export interface KickOptions extends Kicked {
  /** Milliseconds for which they may not rejoin the topic. Default 0: they may at once. */
  readonly forMs?: number
}

/** How members, sessions and accounts are ended while the server goes on. */
export interface Ending {
  disconnect(ended: Ended, reason?: string): number
  kick(kicked: KickOptions, reason?: string): number
  /** @param options.at Until when tokens were issued, in milliseconds since the epoch. Default: until now. */
  revoke(revoked: Revoked, options?: { readonly reason?: string; readonly at?: number }): number
}

/** The same for one server, which may hear late of what another has ended. */
export interface EndingHere extends Ending {
  /** @param before Only connections that came before, in monotonic milliseconds. */
  disconnect(ended: Ended, reason?: string, before?: number): number
  /**
   * @param how.before Only memberships that began before, in monotonic milliseconds.
   * @param how.id Of the ban: see `Bans`.
   */
  kick(
    kicked: KickOptions,
    reason?: string,
    how?: { readonly before?: number | undefined; readonly id?: string },
  ): number
  /**
   * Keeps out whom another server keeps out, for as long as that still does, and sends away those of them who came before this was
   * heard. Nothing happens by what is known.
   */
  keepOut(kicked: Kicked, leftMs: number, id?: string): void
  /** Now, as far as tokens are concerned: see `Revocations`. */
  issuedUntil(): number
  /** The same of tokens that another server has taken back, and when. */
  takeBack(revoked: Iterable<readonly [revoked: Revoked, at: number]>): void
}

const REVOKED = 'Revoked'

interface EndingPorts {
  readonly clients: Clients
  readonly liveness: Liveness
  readonly bans: Bans
  readonly revocations: Revocations
  readonly counters: Counters
}

export function createEnding({ clients, liveness, bans, revocations, counters }: EndingPorts): EndingHere {
  const end = (ended: Ended, reason: string, before?: number): number => {
    // In this order: what is being let in at this moment is refused, and then nobody is left. Who comes after was not meant.
    liveness.end(ended, before)
    const count = clients.end(ended, reason, before)
    counters.countEnded(count)
    return count
  }
  const sendAway = (kicked: Kicked, reason = 'Removed from the topic', before?: number): number => {
    const count = clients.kick(kicked, reason, before)
    counters.countKicked(count)
    emit('realtime.kick', { topic: kicked.topic, count })
    return count
  }
  const disconnect: EndingHere['disconnect'] = (ended, reason = 'Disconnected', before) => {
    assertNamed('disconnect', ended)
    const count = end(ended, reason, before)
    emit('realtime.disconnect', { count })
    return count
  }
  return {
    disconnect,
    issuedUntil: revocations.issuedUntil,
    kick(kicked, reason, { before, id } = {}) {
      const { forMs = 0, topic, sub, sessionId } = kicked
      assertNumbers('realtime', { forMs }, { forMs: { least: 0, most: Infinity } }, 'kick')
      if (typeof topic !== 'string' || topic === '') throw unnamed('kick', 'A `topic` is needed, as text.')
      if (sub !== undefined || sessionId !== undefined) assertNamed('kick', kicked)
      if (forMs > 0) bans.add(kicked, forMs, id)
      return sendAway(kicked, reason, before)
    },
    keepOut(kicked, leftMs, id) {
      if (bans.add(kicked, leftMs, id)) sendAway(kicked)
    },
    takeBack(revoked) {
      let isNew = false
      for (const [whom, at] of revoked) isNew = revocations.add(whom, at) || isNew
      // Not all of that name: who signed in anew since then was not meant.
      if (isNew) counters.countEnded(clients.endWhere((claims) => !revocations.allows(claims), REVOKED))
    },
    revoke(revoked, { reason = REVOKED, at } = {}) {
      assertNamed('revoke', revoked)
      const { sub, sessionId } = revoked as Ended
      if (sub !== undefined && sessionId !== undefined) throw unnamed('revoke', 'A `sub` or a `sessionId`, not both.')
      revocations.add(revoked, at)
      const count = end(revoked, reason)
      emit('realtime.revoke', { count })
      return count
    },
  }
}

/** An empty name would fit whoever has none, and none at all everybody. */
function assertNamed(what: string, { sub, sessionId }: Ended): void {
  const named = [sub, sessionId].filter((each) => each !== undefined)
  if (named.length > 0 && named.every((each) => typeof each === 'string' && each !== '')) return
  throw unnamed(what, 'A `sub`, a `sessionId` or both are needed, as text.')
}

function unnamed(what: string, message: string): ValidationError {
  return new ValidationError(`[msc/realtime] \`${what}\` was not told whom.`, [{ path: '', message }], {
    code: 'REALTIME_ENDED_UNNAMED',
    hint: 'Pass the `sub` of an account, or the `sessionId` of one session; for `kick`, the `topic` too.',
  })
}
