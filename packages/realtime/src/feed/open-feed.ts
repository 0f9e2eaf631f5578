import { sleep, withCarrier, carrier, type Clock } from '@msc/core'
import { safely } from '../safely.ts'
import type { Change, Channel, FeedHandlers } from '../create-realtime.ts'

/** Changes that wait for a snapshot at most; with more than that, another one is loaded. */
const MAX_HELD = 10_000

/** The rows of a feed over its channel: changes, and snapshots in their place among them. */
export function openFeed<Row>(
  channel: Channel,
  { onChange, snapshot, onSnapshot, onGap }: FeedHandlers<Row>,
  { clock, retryMs }: { readonly clock: Clock; readonly retryMs: (attempt: number) => number },
): () => void {
  const ending = new AbortController()
  let held: (() => void)[] | undefined = snapshot && []
  let loads = 0

  const load = async (): Promise<void> => {
    if (!snapshot) return
    const own = ++loads
    // Until a later gap has begun another load, or nobody listens any more.
    const isWanted = (): boolean => own === loads && !ending.signal.aborted
    held = []
    for (let attempt = 0; isWanted(); attempt++) {
      try {
        const rows = await snapshot(ending.signal)
        if (!isWanted()) return
        safely(() => onSnapshot?.(rows))
        const waited = held ?? []
        held = undefined
        for (const tell of waited) safely(tell)
        return
      } catch {
        await sleep(retryMs(attempt), { clock, signal: ending.signal }).catch(() => undefined)
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
      if (!held) return safely(() => onChange(change))
      // In the trace of who made it, also when it had to wait.
      const from = carrier()
      if (held.length < MAX_HELD) held.push(() => withCarrier(from, () => onChange(change)))
      else void load()
    })
  }
  channel.onGap(() => {
    safely(() => onGap?.())
    void load()
  })
  channel.ready.then(load, () => undefined)
  return () => {
    ending.abort()
    channel.leave()
  }
}
