import type * as Core from '@msc/core'
import type { Change, FeedHandlers } from '../create-realtime.ts'
import type { InTime } from '../base/in-time.ts'
import type { refusal } from '../base/refusal.ts'
import type { RawChannel } from '../client/raw-channel.ts'
import type { User } from '../client/user.ts'

/** What the page has loaded already. */
interface FeedTools extends Pick<typeof Core, 'sleep'> {
  readonly safely: (handler: () => unknown) => void
  readonly traced: (fn: () => void) => () => void
  readonly clock: Core.Clock
  readonly retryMs: (attempt: number) => number
  readonly inTime: InTime
  readonly refusal: typeof refusal
  /** To the application's `onError`. */
  readonly report: (error: Error, operation: string, details: Readonly<Record<string, unknown>>) => void
  readonly user: User
  /** Ends the feed. */
  readonly signal: AbortSignal
}

/** Changes that wait for a snapshot at most; with more than that, another one is loaded. */
const MAX_HELD = 10_000

/** The rows of a feed over its channel: changes, and snapshots in their place among them. */
export function openFeed<Row>(
  channel: RawChannel,
  handlers: ((change: Change<Row>) => void) | FeedHandlers<Row>,
  onGapAlone: (() => void) | undefined,
  tools: FeedTools,
): void {
  const { clock, retryMs, sleep, safely, traced, inTime, signal } = tools
  const given = typeof handlers === 'function' ? { onChange: handlers, onGap: onGapAlone } : handlers
  const { onChange, snapshot, onSnapshot, onGap, onError, from } = (given ?? {}) as FeedHandlers<Row>
  if (typeof onChange !== 'function') {
    // It is reported, since nobody waits.
    throw new TypeError(`[msc/realtime] ${channel.topic} was opened without \`onChange\`.`)
  }
  // With a position to go on from there is no snapshot to wait for, until there is a gap.
  let held: (() => void)[] | undefined = snapshot && from === undefined ? [] : undefined
  let loads = 0
  let isLive = false
  /** Since the last gap. */
  let hasTold = true
  const tell = (change: Change<Row>): void => {
    hasTold = true
    onChange(change)
  }
  const tellOf = createTrouble(channel.topic, tools, (error) => safely(() => onError?.(error)))

  const load = async (): Promise<void> => {
    if (!snapshot) return
    const own = ++loads
    // Until a later gap has begun another load, or nobody listens any more.
    const isWanted = (): boolean => own === loads && !signal.aborted
    held = []
    for (let attempt = 0; isWanted(); attempt++) {
      try {
        const rows = await inTime(`snapshot of ${channel.topic}`, async (inner) => snapshot(inner), signal)
        if (!isWanted()) return
        // Such as what an API answers that refuses.
        if (!Array.isArray(rows)) throw new TypeError('What was loaded is no list.')
        tellOf(undefined)
        hasTold = true
        safely(() => onSnapshot?.(rows))
        const waited = held ?? []
        held = undefined
        for (const tell of waited) if (!signal.aborted) safely(tell)
        return
      } catch (error) {
        if (isWanted()) tellOf({ cause: error })
        await sleep(retryMs(attempt), { clock, signal }).catch(() => undefined)
      }
    }
  }

  for (const type of ['INSERT', 'UPDATE', 'DELETE'] as const) {
    channel.on(type, (payload) => {
      const record = (payload['record'] ?? undefined) as Row | undefined
      const old = (payload['old_record'] ?? undefined) as Row | undefined
      const data = record ?? old
      if (data === undefined) return
      const change: Change<Row> = { type, data, old }
      if (!held) safely(() => tell(change))
      else if (held.length < MAX_HELD) held.push(traced(() => tell(change)))
      else void load()
    })
  }
  channel.onReady((next) => (isLive = next))
  channel.onGap(() => {
    const isNews = hasTold
    hasTold = false
    // What was loaded, and has not been told yet, is the last user's. There is another gap once it is live.
    if (!isLive) loads += 1
    else void load()
    if (snapshot && !isLive) held = []
    // Of a second one only who loads by themselves need hear.
    if (isNews || !snapshot) safely(() => onGap?.())
  })
  const begin = (): void => {
    isLive = true
    if (from === undefined) void load()
  }
  channel.ready.then(begin, () => undefined)
}

/** Of the feeds of a client, those that can't be loaded now, and why. */
const troubles = new WeakMap<User, Map<object, string>>()

/**
 * Tells that a snapshot can't be loaded: the caller each time, the application once for each reason, and the health for as long as
 * it lasts.
 */
function createTrouble(
  topic: string,
  { refusal: refuse, report, user, signal }: FeedTools,
  onError: (error: Error) => void,
): (failure: { readonly cause: unknown } | undefined) => void {
  const own = {}
  const all = troubles.get(user) ?? new Map<object, string>()
  troubles.set(user, all)
  let reported = ''
  const tell = (failure: { readonly cause: unknown } | undefined): void => {
    all.delete(own)
    if (failure) {
      const { cause } = failure
      const reason = `The rows of ${topic} can not be loaded: ${textOf(cause)}`
      const error = refuse(reason, 'REALTIME_SNAPSHOT_FAILED', {
        hint: 'They are tried again, and changes wait for them. See what `snapshot` or `load` rejects with.',
        cause,
      })
      all.set(own, reason)
      if (reported !== reason) report(error, 'snapshot', { topic })
      reported = reason
      onError(error)
    } else reported = ''
    user.trouble = all.values().next().value
  }
  signal.addEventListener('abort', () => tell(undefined), { once: true })
  return tell
}

/** An application may throw anything, such as an object that has no text. */
function textOf(cause: unknown): string {
  try {
    return String(cause)
  } catch {
    return 'no reason that could be read'
  }
}
