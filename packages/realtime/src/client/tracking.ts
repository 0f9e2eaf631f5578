import type { Subscription, SubscriptionLimits } from '../driver.ts'

/** What the subscribers of one topic say of this client: the last one counts, and the one before it when that has left. */
export interface Tracking<Owner> {
  /** Returns what stands for it from now on: where it says the same as before, the state of before. */
  say(owner: Owner, state: object): object
  /** Says nothing any more. False when it had not. */
  unsay(owner: Owner): boolean
  /**
   * Tells the server, until it knows what counts. A new subscription knows nothing. A state that is refused for good is
   * forgotten: told again at each rejoin it could cost every other topic its connection.
   *
   * @param own Rejects also when this very state was refused, by whoever told it.
   */
  tell(
    subscription: Pick<Subscription, 'track' | 'untrack' | 'limits'>,
    signal: AbortSignal,
    own?: object,
  ): Promise<void>
}

export interface TrackingOptions {
  /** Throws for a state that the server would refuse. */
  readonly check?: (state: object, limits: SubscriptionLimits | undefined) => void
  /** Do two states say the same? Default: each is another. */
  readonly isSame?: (one: object, other: object) => boolean
  /** Told once of each refusal for good. */
  readonly onRefused?: (error: Error) => void
}

export function createTracking<Owner>({ check, isSame, onRefused }: TrackingOptions = {}): Tracking<Owner> {
  const said = new Map<Owner, object>()
  const refused = new WeakMap<object, Error>()
  let current: object | undefined
  let told: object | undefined
  let telling: Promise<void> = Promise.resolve()
  return {
    say(owner, state) {
      const before = said.get(owner)
      const own = before && isSame?.(before, state) ? before : state
      refused.delete(own)
      said.delete(owner)
      said.set(owner, own)
      return own
    },
    unsay: (owner) => said.delete(owner),
    tell(subscription, signal, own) {
      if (subscription !== current) {
        current = subscription
        told = undefined
        telling = Promise.resolve()
      }
      const run = async (): Promise<void> => {
        let failure: Error | undefined
        for (;;) {
          const next = [...said.values()].at(-1)
          if (subscription !== current || next === told) break
          try {
            if (next) check?.(next, subscription.limits)
            await (next ? subscription.track(next, signal) : subscription.untrack(signal))
          } catch (error) {
            // An end of the call says nothing about the state.
            if (!next || signal.aborted || (error as { retryable?: unknown } | undefined)?.retryable !== false)
              throw error
            refused.set(next, (failure = error as Error))
            onRefused?.(failure)
            for (const [owner, state] of said) if (state === next) said.delete(owner)
            // The one before it counts again, which a new subscription does not know.
            continue
          }
          if (subscription === current) told = next
        }
        const refusal = own ? refused.get(own) : failure
        if (refusal) throw refusal
      }
      // One after the other: what is said later must not be overtaken.
      return (telling = telling.catch(() => undefined).then(run))
    },
  }
}
