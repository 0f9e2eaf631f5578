import { applyDiff, fromState, toState, type Presence, type WireDiff, type WireState } from '../client/presence.ts'
import type { SubscriptionHandlers } from '../driver.ts'
import type { Frame } from './frames.ts'

/** Who is there in one topic. */
export interface Present {
  readonly handlers: Pick<SubscriptionHandlers, 'onPresence'>
  presence?: Presence
}

/** Takes a frame about presence. Loaded before the join of who wants to know. */
export function receivePresence(topic: Present, { event, payload }: Frame): void {
  topic.presence =
    event === 'presence_state'
      ? fromState(payload as WireState)
      : applyDiff(topic.presence ?? new Map(), payload as WireDiff)
  topic.handlers.onPresence(toState(topic.presence))
}
