import { createHash } from 'node:crypto'
import type { HolderLimits } from './limits.ts'
import { fullBucket, perMinute, perSecond, spend, waitFor, type Bucket, type Rate } from './bucket.ts'

/** What is counted while it is there. */
export type Gauge = 'sockets' | 'eventStreams' | 'topics'
/** What is counted as it passes. */
type Flow = Exclude<keyof HolderLimits, Gauge>
export type Cost = { readonly [Name in Flow]?: number }

/** One account or one address, and what it uses. */
export interface Holder {
  readonly key: string
  readonly gauges: Record<Gauge, number>
  readonly buckets: Map<Flow, Bucket>
}

/** Accounts or addresses by key. What has something open is always known; of the others the latest `remembered`. */
export interface Holders {
  readonly size: number
  find(key: string): Holder
  /** The limit that has no room for `amount` more, if there is one. */
  isFull(holder: Holder, gauge: Gauge, amount: number): boolean
  /** Adds to a gauge; a negative amount takes away. */
  change(holder: Holder, gauge: Gauge, amount: number): void
  /** The flow to wait for, and how long in milliseconds; `undefined` when all of it may pass now. */
  obstacle(holder: Holder, cost: Cost, now: number): { readonly limit: Flow; readonly waitMs: number } | undefined
  spend(holder: Holder, cost: Cost, now: number): void
}

/** Longer keys are hashed: a token may carry kilobytes as its subject. */
const MAX_KEY = 100

export function createHolders(limits: HolderLimits, remembered: number): Holders {
  const rates = ratesOf(limits)
  // Apart, so that the oldest idle one is found without a look at those that have something open.
  const open = new Map<string, Holder>()
  const idle = new Map<string, Holder>()

  const remember = (holder: Holder): void => {
    // A Map keeps the order of insertion: the first is the one that was idle for longest.
    idle.delete(holder.key)
    idle.set(holder.key, holder)
    for (const [oldest] of idle) {
      if (idle.size <= remembered) return
      idle.delete(oldest)
    }
  }
  const bucketOf = (holder: Holder, flow: Flow, now: number): Bucket => {
    let bucket = holder.buckets.get(flow)
    if (!bucket) holder.buckets.set(flow, (bucket = fullBucket(rates[flow], now)))
    return bucket
  }
  return {
    get size() {
      return open.size + idle.size
    },
    find(given) {
      const key = given.length > MAX_KEY ? `sha256:${createHash('sha256').update(given).digest('hex')}` : given
      const known = open.get(key)
      if (known) return known
      const holder = idle.get(key) ?? { key, gauges: { sockets: 0, eventStreams: 0, topics: 0 }, buckets: new Map() }
      remember(holder)
      return holder
    },
    isFull: ({ gauges }, gauge, amount) => amount > 0 && gauges[gauge] + amount > limits[gauge],
    change(holder, gauge, amount) {
      holder.gauges[gauge] += amount
      const { sockets, eventStreams, topics } = holder.gauges
      if (sockets + eventStreams + topics > 0) {
        idle.delete(holder.key)
        open.set(holder.key, holder)
      } else if (open.delete(holder.key)) remember(holder)
    },
    obstacle(holder, cost, now) {
      for (const [flow, amount] of Object.entries(cost) as [Flow, number][]) {
        const waitMs = waitFor(bucketOf(holder, flow, now), rates[flow], amount, now)
        if (waitMs > 0) return { limit: flow, waitMs }
      }
      return undefined
    },
    spend(holder, cost, now) {
      for (const [flow, amount] of Object.entries(cost) as [Flow, number][]) spend(bucketOf(holder, flow, now), amount)
    },
  }
}

function ratesOf(limits: HolderLimits): Readonly<Record<Flow, Rate>> {
  return {
    joinsPerMinute: perMinute(limits.joinsPerMinute),
    framesPerSecond: perSecond(limits.framesPerSecond),
    frameBytesPerSecond: perSecond(limits.frameBytesPerSecond),
    presencePerSecond: perSecond(limits.presencePerSecond),
    requestsPerMinute: perMinute(limits.requestsPerMinute),
    requestBytesPerMinute: perMinute(limits.requestBytesPerMinute),
    messagesPerMinute: perMinute(limits.messagesPerMinute),
    feedReadsPerMinute: perMinute(limits.feedReadsPerMinute),
  }
}
