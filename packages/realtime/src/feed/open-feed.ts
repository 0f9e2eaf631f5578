import type * as Core from '@msc/core'
import type { Change, FeedHandlers } from '../create-realtime.ts'
import type { InTime } from '../base/in-time.ts'
import type { refusal } from '../base/refusal.ts'
import type { Membership } from '../client/membership.ts'
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
  readonly topics: ReadonlyMap<string, { readonly membership: Pick<Membership, 'state' | 'signal'> }>
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
  const topic = tools.topics.get(channel.topic)
  // It was left, or the client closed, while this code was being loaded.
  if (!topic || signal.aborted) return
  /** Changes that wait for the rows. */
  let held: (() => void)[] | undefined
  /** The rows have to be loaded as soon as it is live: until then nothing could be heard of what changes meanwhile. */
  let isOwed = false
  let loading: AbortController | undefined
  /** Since the last gap. */
  let hasTold = true
  const tell = (change: Change<Row>): void => {
    hasTold = true
    onChange(change)
  }
  const tellOf = createTrouble(channel.topic, tools, (error) => safely(() => onError?.(error)))

  /** Until it is there, another load has taken its place, or nobody wants it any more. */
  const load = async (ask: NonNullable<typeof snapshot>, until: AbortSignal): Promise<void> => {
    for (let attempt = 0; !until.aborted; attempt++) {
      try {
        const rows = await inTime(`snapshot of ${channel.topic}`, async (inner) => ask(inner), until)
        if (until.aborted) return
        // Such as what an API answers that refuses.
        if (!Array.isArray(rows)) throw new TypeError('What was loaded is no list.')
        tellOf(undefined)
        hasTold = true
        safely(() => onSnapshot?.(rows))
        if (until.aborted) return
        const waited = held ?? []
        held = undefined
        for (const tell of waited) if (!signal.aborted) safely(tell)
        return
      } catch (error) {
        if (!until.aborted) tellOf({ cause: error })
        await sleep(retryMs(attempt), { clock, signal: until }).catch(() => undefined)
      }
    }
  }
  let forget = (): void => {}
  const loadOwed = (): void => {
    const { state, signal: stay } = topic.membership
    if (!snapshot || !isOwed || state !== 'connected' || stay.aborted || signal.aborted) return
    isOwed = false
    // What has come by now is in the rows.
    held = []
    loading = new AbortController()
    // What one user loads is shown to no other; the one after has to load as well.
    const begin = (): void => {
      // Nor is what failed for one the trouble of another.
      tellOf(undefined)
      owe()
    }
    forget()
    stay.addEventListener('abort', begin, { once: true })
    forget = () => stay.removeEventListener('abort', begin)
    void load(snapshot, loading.signal)
  }
  /** Begins anew: what is being loaded is of before, and so are the changes that wait for it. */
  const owe = (): void => {
    if (!snapshot) return
    loading?.abort()
    held = []
    isOwed = true
    loadOwed()
  }
  const stop = (): void => {
    loading?.abort()
    forget()
  }
  signal.addEventListener('abort', stop, { once: true })

  for (const type of ['INSERT', 'UPDATE', 'DELETE'] as const) {
    channel.on(type, (payload) => {
      const record = (payload['record'] ?? undefined) as Row | undefined
      const old = (payload['old_record'] ?? undefined) as Row | undefined
      const data = record ?? old
      if (data === undefined) return
      const change: Change<Row> = { type, data, old }
      if (!held) safely(() => tell(change))
      else if (held.length < MAX_HELD) held.push(traced(() => tell(change)))
      else owe()
    })
  }
  // Later, as a gap that is told with it would have it load twice.
  channel.onReady((isReady) => {
    if (isReady) queueMicrotask(loadOwed)
  })
  channel.onGap(() => {
    const isNews = hasTold
    hasTold = false
    owe()
    // Of a second one only who loads by themselves need hear.
    if (isNews || !snapshot || !onSnapshot) safely(() => onGap?.())
  })
  // With a position to go on from there is no snapshot to wait for, until there is a gap.
  if (from === undefined) owe()
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
      const error = refuse(`The rows of ${topic} can not be loaded: ${textOf(cause)}`, 'REALTIME_SNAPSHOT_FAILED', {
        hint: 'They are tried again, and changes wait for them. See what `snapshot` or `load` rejects with.',
        cause,
      })
      const reason = error.message.replace(/^\[.*?\] /, '')
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
