import { isRecord, randomHex } from '@msc/core'
import { createSeen } from '../../base/seen.ts'
import type { Ended } from '../admission/liveness.ts'
import type { Revoked } from '../admission/revocations.ts'
import type { Ending, EndingHere, KickOptions } from '../ending.ts'
import type { Runtime } from '../runtime.ts'
import { barredFor, takenBack } from './barred.ts'
import type { Late } from './sender.ts'

type Message = Readonly<Record<string, unknown>>

/** What was ended, here and on other servers. */
export interface Ends {
  /** Ends whom it should here, and tells the others. The counts are this server's. */
  readonly everywhere: Ending
  /** Does what another server says, once. @throws ValidationError or ConfigError for what is no such thing. */
  hear(message: Message): void
  /** What was ended in the last minutes, for a server that missed something: in it may have been whom it should end. */
  again(): Generator<string>
  /** Does what another server has ended before, with those who were there then: who has come since was not meant. */
  hearAgain(message: Message): void
}

/** How many are told again, and for how long. Whose tokens are taken back, and who is kept out, is told for as long as it holds. */
const MAX_KEPT = 1000
const KEPT_MS = 5 * 60_000
/** Ids of other servers' that were heard. */
const MAX_HEARD = 10_000

interface Kept {
  readonly said: object
  /** In monotonic milliseconds. */
  readonly at: number
}

/**
 * @param tell What waited for the bus is said as what was ended before: those who have come since were not meant, and who is kept out
 *   is for what is left.
 */
export function createEnds(
  here: EndingHere,
  tell: (message: string, late: Late) => void,
  { clock, attempt }: Runtime,
): Ends {
  let kept: Kept[] = []
  const heard = createSeen(MAX_HEARD)
  const recent = (): Kept[] => kept.filter(({ at }) => at > clock.monotonic() - KEPT_MS).slice(-MAX_KEPT)
  const say = (how: string, whom: object, more: object, late: Late, id = randomHex(8)): void => {
    const said = { how, whom, id, ...more }
    if (how !== 'revoke') kept = [...recent(), { said, at: clock.monotonic() }]
    const ended = (agoMs: number): readonly string[] =>
      how === 'revoke' ? [] : [JSON.stringify({ kind: 'ended', ...said, agoMs })]
    tell(JSON.stringify({ kind: 'end', ...said }), (agoMs) => [...ended(agoMs), ...late(agoMs)])
  }
  const end = ({ how, whom, forever, at, reason: given, id }: Message, before?: number): void => {
    if (!isRecord(whom)) return
    const reason = typeof given === 'string' ? given : undefined
    if (how === 'disconnect') here.disconnect(whom as Ended, reason, before)
    // Who is kept out is told by itself, with the time that is left.
    const forMs = before === undefined ? forever === true && { forMs: Infinity } : { forMs: 0 }
    const ban = { before, ...(typeof id === 'string' && { id }) }
    if (how === 'kick') here.kick({ ...whom, ...forMs } as KickOptions, reason, ban)
    if (how !== 'revoke' || before !== undefined) return
    here.revoke(whom as unknown as Revoked, {
      ...(reason !== undefined && { reason }),
      ...(typeof at === 'number' && { at }),
    })
  }
  const isNew = ({ id }: Message): boolean => typeof id !== 'string' || heard.add(id)
  return {
    everywhere: {
      disconnect(ended, reason) {
        const count = here.disconnect(ended, reason)
        say('disconnect', ended, { reason }, () => [])
        return count
      },
      kick(kicked, reason) {
        const id = randomHex(8)
        const count = here.kick(kicked, reason, { id })
        const { forMs = 0, ...whom } = kicked
        const left: Late = (agoMs) => barredFor(whom, forMs - agoMs, id)
        // JSON has no Infinity.
        say('kick', kicked, { reason, forever: forMs === Infinity }, left, id)
        return count
      },
      revoke(revoked, options = {}) {
        const at = here.issuedUntil()
        const count = here.revoke(revoked, { ...options, at })
        say('revoke', revoked, { reason: options.reason, at }, () => takenBack(revoked, at))
        return count
      },
    },
    hear(message) {
      if (isNew(message)) end(message)
    },
    *again() {
      kept = recent()
      for (const { said, at } of kept) yield JSON.stringify({ kind: 'ended', ...said, agoMs: clock.monotonic() - at })
    },
    hearAgain(message) {
      const { agoMs } = message
      if (typeof agoMs !== 'number' || !(agoMs >= 0) || !isNew(message)) return
      attempt('end what another server has ended', () => end(message, clock.monotonic() - agoMs))
    },
  }
}
