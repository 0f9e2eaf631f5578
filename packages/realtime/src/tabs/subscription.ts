import { DriverError } from '@msc/core'
import type { Subscription } from '../driver.ts'
import type { FeedPage } from '../feed/page.ts'
import type { Exact, Request, Shared } from './messages.ts'

export interface SubscriptionPorts {
  /** The driver's name. */
  readonly driver: string
  /** What this tab calls the subscription. */
  readonly sub: string
  /** What the tab with the connection said of it. */
  readonly shared: Shared
  readonly ask: <T>(request: Request, signal?: AbortSignal) => Promise<T>
  /** Who is told how many there are. */
  readonly count: (told: ((occupancy: unknown) => void) | undefined) => void
  readonly leave: () => Promise<void>
}

/** A subscription of this tab's, over the tab that has the connection. */
export function createSubscription({ driver, sub, shared, ask, count, leave }: SubscriptionPorts): Subscription {
  const { limits, bytes, acts, counts } = shared
  return {
    limits,
    send: async (event, payload, signal) =>
      ask({ do: 'send', sub, event, echo: true, ...cloneable(driver, { payload }) }, signal),
    ...(bytes && { sendBytes: (event, payload, signal) => ask({ do: 'send', sub, event, payload }, signal) }),
    ...(counts && {
      async occupancy(told, signal) {
        count(told)
        // Another tab may want to know it still.
        if (told) await ask({ do: 'occupancy', sub }, signal)
      },
    }),
    track: async (state, signal) => ask({ do: 'track', sub, ...cloneable(driver, { state }) }, signal),
    untrack: (signal) => ask({ do: 'untrack', sub }, signal),
    ...(acts && {
      act: async (action, signal) => ask({ do: 'act', sub, ...cloneable(driver, { action }) }, signal),
    }),
    since: (after, signal, latest) => ask<FeedPage | undefined>({ do: 'since', sub, after, latest }, signal),
    setToken(token) {
      ask({ do: 'token', sub, token }).catch(() => undefined)
    },
    leave,
  }
}

/** In which a number may have more digits than a clone of it. */
const LONG = /[\d.]{16}|\d[eE]/

/**
 * What the server would get. A channel between tabs clones instead: it forgets an object's class, and so never asks its
 * `toJSON`, and hands on what that leaves out.
 *
 * @throws DriverError `REALTIME_PAYLOAD_INVALID` for what is no JSON.
 */
function cloneable<Content extends object>(driver: string, content: Content): Content & Exact {
  try {
    const json = JSON.stringify(content)
    return { ...(JSON.parse(json) as Content), ...(LONG.test(json) && { json }) }
  } catch (cause) {
    throw new DriverError(driver, 'This can not be written as JSON for another tab.', {
      code: 'REALTIME_PAYLOAD_INVALID',
      hint: 'Send what JSON can say: no BigInt, no objects that refer to each other.',
      cause,
    })
  }
}
