import { isRecord } from '@msc/core'
import type { Ending, KickOptions } from '../ending.ts'
import type { Ended } from '../admission/liveness.ts'
import type { Revoked } from '../admission/revocations.ts'

/** Who is ended here is ended on the other servers too. The counts are this server's. */
export function endEverywhere(here: Ending, tell: (message: string) => void, now: () => number): Ending {
  const say = (how: string, whom: object, more: object): void =>
    tell(JSON.stringify({ kind: 'end', how, whom, ...more }))
  return {
    disconnect(ended, reason) {
      const count = here.disconnect(ended, reason)
      say('disconnect', ended, { reason })
      return count
    },
    kick(kicked, reason) {
      const count = here.kick(kicked, reason)
      // JSON has no Infinity.
      say('kick', kicked, { reason, forever: kicked.forMs === Infinity })
      return count
    },
    revoke(revoked, options = {}) {
      const at = now()
      const count = here.revoke(revoked, { ...options, at })
      say('revoke', revoked, { reason: options.reason, at })
      return count
    },
  }
}

/** Does what another server says. @throws ValidationError or ConfigError for what is no such thing. */
export function endHere(here: Ending, message: Readonly<Record<string, unknown>>): void {
  const { how, whom, forever, at } = message
  if (!isRecord(whom)) return
  const reason = typeof message['reason'] === 'string' ? message['reason'] : undefined
  if (how === 'disconnect') here.disconnect(whom as Ended, reason)
  if (how === 'kick') here.kick({ ...whom, ...(forever === true && { forMs: Infinity }) } as KickOptions, reason)
  if (how !== 'revoke') return
  here.revoke(whom as unknown as Revoked, {
    ...(reason !== undefined && { reason }),
    ...(typeof at === 'number' && { at }),
  })
}
