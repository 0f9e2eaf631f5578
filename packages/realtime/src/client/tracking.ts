import type { Subscription } from '../driver.ts'

type State = Readonly<Record<string, unknown>>

/** What the subscribers of one topic say of this client: the last one counts, and the one before it when that has left. */
export interface Tracking<Owner> {
  say(owner: Owner, state: State): void
  /** Says nothing any more. False when it had not. */
  unsay(owner: Owner): boolean
  /** Tells the server, until it knows what counts. A new subscription knows nothing. */
  tell(subscription: Subscription, signal: AbortSignal): Promise<void>
}

export function createTracking<Owner>(): Tracking<Owner> {
  const said = new Map<Owner, State>()
  let current: Subscription | undefined
  let told: State | undefined
  let telling: Promise<void> = Promise.resolve()
  return {
    say(owner, state) {
      said.delete(owner)
      said.set(owner, state)
    },
    unsay: (owner) => said.delete(owner),
    tell(subscription, signal) {
      if (subscription !== current) {
        current = subscription
        told = undefined
        telling = Promise.resolve()
      }
      const run = async (): Promise<void> => {
        for (;;) {
          const next = [...said.values()].at(-1)
          if (subscription !== current || next === told) return
          await (next ? subscription.track(next, signal) : subscription.untrack(signal))
          if (subscription === current) told = next
        }
      }
      // One after the other: what is said later must not be overtaken.
      return (telling = telling.catch(() => undefined).then(run))
    },
  }
}
