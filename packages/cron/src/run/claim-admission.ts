import { UnavailableError, type Breaker } from '@msc/core'

/**
 * Lets claims through while the breaker allows it, and counts their outcomes. Releases do not go through it: a claim must
 * be released whatever the breaker's state, and a release that succeeds does not show that claims are answered again.
 *
 * @throws UnavailableError while the breaker is open.
 */
export function createAdmission(breaker: Breaker): <T>(ask: () => Promise<T>) => Promise<T> {
  let probe: Promise<unknown> | undefined

  return async (ask) => {
    // Many jobs are due at the same minute, and a refused occurrence does not come again: while one claim probes the
    // store, the others wait for its outcome.
    if (!breaker.tryAcquire()) {
      await probe
      if (!breaker.tryAcquire()) throw new UnavailableError('[msc/cron] The claim store keeps failing.')
    }
    const asked = ask().then(
      (answer) => {
        breaker.succeed()
        return answer
      },
      (error: unknown) => {
        breaker.fail()
        throw error
      },
    )
    if (breaker.state === 'closed') return asked
    probe = asked.catch(() => undefined).finally(() => (probe = undefined))
    return asked
  }
}
