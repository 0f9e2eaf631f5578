import { deadline } from '@msc/core'
import type { Claims } from '../entrance/claims.ts'
import type { Runtime } from '../runtime.ts'
import type { Revocations } from './revocations.ts'

/** Says whether the session of these claims still goes on. */
export type IsLive = (claims: Claims, signal: AbortSignal) => boolean | Promise<boolean>

/** `unavailable`: nobody could say, so it is refused for now. */
type Verdict = 'live' | 'ended' | 'unavailable'

/** What `disconnect` ends: the connections that fit all that is named. */
export interface Ended {
  readonly sub?: string
  readonly sessionId?: string
}

export interface Liveness {
  /**
   * Asks, and calls `use` with the answer. As long as that goes on, `isEnded` says whether `end` was called for these claims, or
   * their token taken back: an answer of before must not let somebody in after.
   */
  during<T>(claims: Claims, use: (verdict: Verdict, isEnded: () => boolean) => T | Promise<T>): Promise<T>
  /**
   * What is being let in at this moment and fits is refused.
   *
   * @param before Only what came before, in monotonic milliseconds.
   */
  end(ended: Ended, before?: number): void
}

/** Milliseconds for an answer. */
const PATIENCE_MS = 2000

export function createLiveness(
  isLive: IsLive | undefined,
  revocations: Revocations,
  { clock, report }: Runtime,
): Liveness {
  const arriving = new Set<{ readonly claims: Claims; readonly since: number; ended: boolean }>()
  const ask = async (claims: Claims): Promise<Verdict> => {
    if (!revocations.allows(claims)) return 'ended'
    // A key of the application is nobody's session.
    if (!isLive || (claims.sub === undefined && claims['session_id'] === undefined)) return 'live'
    try {
      const answer = await deadline(async (signal) => isLive(claims, signal), {
        operation: '[msc/realtime] isLive',
        timeoutMs: PATIENCE_MS,
        clock,
        report: (error) => report(error, 'abort isLive'),
      })
      return answer === true ? 'live' : 'ended'
    } catch (error) {
      report(error, 'isLive')
      return 'unavailable'
    }
  }
  return {
    async during(claims, use) {
      const arrival = { claims, since: clock.monotonic(), ended: false }
      // However it was heard that the token was taken back: whoever asks last asks that too.
      const isEnded = (): boolean => arrival.ended || !revocations.allows(claims)
      arriving.add(arrival)
      try {
        const verdict = await ask(claims)
        return await use(isEnded() ? 'ended' : verdict, isEnded)
      } finally {
        arriving.delete(arrival)
      }
    },
    end(ended, before = Infinity) {
      for (const arrival of arriving) {
        if (arrival.since < before && fits(arrival.claims, ended)) arrival.ended = true
      }
    },
  }
}

export function fits(claims: Claims, { sub, sessionId }: Ended): boolean {
  return (sub === undefined || claims.sub === sub) && (sessionId === undefined || claims['session_id'] === sessionId)
}
