import type { Subscription, SubscriptionLimits } from '../driver.ts'

/** What the subscribers of one topic say of this client: the last one counts, and the one before it when that has left. */
export interface Tracking<Owner> {
  say(owner: Owner, state: object): void
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
  /** Told once of each refusal for good. */
  readonly onRefused?: (error: Error) => void
}

export function createTracking<Owner>({ check, onRefused }: TrackingOptions = {}): Tracking<Owner> {
  const said = new Map<Owner, object>()
  const refused = new WeakMap<object, Error>()
  let current: object | undefined
  let told: object | undefined
  let telling: Promise<void> = Promise.resolve()
  return {
    say(owner, state) {
      refused.delete(state)
      said.delete(owner)
      said.set(owner, state)
    },
    unsay: (owner) => said.delete(owner),
    tell(subscription, signal, own) {
      if (subscription !== current) {
        current = subscription
        told = undefined
        telling = Promise.resolve()
      }
      const run = async (): Promise<void> => {
        for (;;) {
          const next = [...said.values()].at(-1)
          if (subscription !== current || next === told) break
          try {
            if (next) check?.(next, subscription.limits)
            await (next ? subscription.track(next, signal) : subscription.untrack(signal))
          } catch (error) {
            // An end of the call says nothing about the state.
            if (next && !signal.aborted && (error as { retryable?: unknown } | undefined)?.retryable === false) {
              refused.set(next, error as Error)
              onRefused?.(error as Error)
              for (const [owner, state] of said) if (state === next) said.delete(owner)
            }
            throw error
          }
          if (subscription === current) told = next
        }
        const refusal = own && refused.get(own)
        if (refusal) throw refusal
      }
      // One after the other: what is said later must not be overtaken.
      return (telling = telling.catch(() => undefined).then(run))
    },
  }
}
