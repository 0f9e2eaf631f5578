import type * as Core from '@msc/core'
import type { Change, FeedHandlers } from '../create-realtime.ts'
import type { RawChannel } from '../client/raw-channel.ts'
import { guarded } from './guarded.ts'

/** What the page has loaded already. */
interface FeedTools extends Pick<typeof Core, 'sleep'> {
  readonly safely: (handler: () => unknown) => void
  readonly traced: (fn: () => void) => () => void
  readonly clock: Core.Clock
  readonly retryMs: (attempt: number) => number
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
  { clock, retryMs, sleep, safely, traced, signal }: FeedTools,
): void {
  const given = typeof handlers === 'function' ? { onChange: handlers, onGap: onGapAlone } : handlers
  const { onChange, snapshot, onSnapshot, onGap, from } = (given ?? {}) as FeedHandlers<Row>
  if (typeof onChange !== 'function') {
    // It is reported, since nobody waits.
    throw new TypeError(`[msc/realtime] ${channel.topic} was opened without \`onChange\`.`)
  }
  // With a position to go on from there is no snapshot to wait for, until there is a gap.
  let held: (() => void)[] | undefined = snapshot && from === undefined ? [] : undefined
  let loads = 0
  const guardedSignal = guarded(signal)

  const load = async (): Promise<void> => {
    if (!snapshot) return
    const own = ++loads
    // Until a later gap has begun another load, or nobody listens any more.
    const isWanted = (): boolean => own === loads && !signal.aborted
    held = []
    for (let attempt = 0; isWanted(); attempt++) {
      try {
        const rows = await snapshot(guardedSignal)
        if (!isWanted()) return
        safely(() => onSnapshot?.(rows))
        const waited = held ?? []
        held = undefined
        for (const tell of waited) if (!signal.aborted) safely(tell)
        return
      } catch {
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
      if (!held) safely(() => onChange(change))
      else if (held.length < MAX_HELD) held.push(traced(() => onChange(change)))
      else void load()
    })
  }
  channel.onGap(() => {
    safely(() => onGap?.())
    void load()
  })
  if (from === undefined) channel.ready.then(load, () => undefined)
}
