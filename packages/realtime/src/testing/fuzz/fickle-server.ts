import { DriverError, type Clock } from '@msc/core'
import type { RealtimeDriver, SubscriptionHandlers } from '../../driver.ts'
import type { FeedPage } from '../../feed/page.ts'

type FeedEvent = FeedPage['events'][number]

/** What a server may be at. */
interface Mood {
  isAway: boolean
  failsToRead: boolean
  refusesNobody: boolean
}

export interface FickleServer {
  readonly driver: RealtimeDriver
  readonly mood: Mood
  /** Topics that are joined. */
  readonly joined: ReadonlyMap<string, unknown>
  /** Whose the latest join was. */
  readonly user: string | undefined
  /** How many messages a topic has had. */
  count(topic: string): number
  /** Where a topic is, to go on from. */
  position(topic: string): string
  commit(topic: string): void
  drop(topic?: string): void
  /** It was restored: what it had is of another history, and everybody is dropped. */
  restore(): void
}

const EPOCHS = [
  '0af76519-16cd-43dd-8448-eb211c80319c',
  '1af76519-16cd-43dd-8448-eb211c80319c',
  '2af76519-16cd-43dd-8448-eb211c80319c',
]
/** Transactions before the first message. */
const FIRST = 10

/**
 * A service in this process that numbers the messages of each topic, keeps them, and takes its time with all that it is asked.
 * A message says to whom it was handed: to the user of the subscription that it came by.
 */
export function createFickleServer(random: () => number, clock: Clock): FickleServer {
  const mood: Mood = { isAway: false, failsToRead: false, refusesNobody: random() < 0.5 }
  const joined = new Map<string, { readonly handlers: SubscriptionHandlers; readonly user: string | undefined }>()
  /** By topic, of each message the history that it is in. */
  const kept = new Map<string, number[]>()
  const pageLength = random() < 0.5 ? 2 : 1000
  let epoch = 0
  let latest: string | undefined

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimeout(resolve, Math.floor(random() * ms)))
  const of = (topic: string): number[] => kept.get(topic) ?? []
  const snapshot = (n: number, history = epoch): string => `${EPOCHS[history]}:${n + FIRST}:${n + FIRST}:`
  const message = (topic: string, n: number, to: string | undefined) => {
    const history = of(topic)[n] ?? 0
    const id = `${history}.${n}`
    const cursor = `${snapshot(n, history)}+${n + FIRST}.${n + 1}`
    if (!topic.startsWith('feed:'))
      return { event: 'INSERT', payload: { n, to }, meta: { id, at: new Date(0).toISOString(), cursor } }
    return { event: 'INSERT', payload: { record: { n, to }, old_record: null, _msc: { id, cursor } }, meta: undefined }
  }
  /** What came after a cursor of this history; `undefined` after one of another. */
  const since = (topic: string, after: string): number[] | undefined => {
    const [history, from] = after.split(':')
    if (history !== EPOCHS[epoch]) return undefined
    const heard = (after.split('+')[1]?.split(',') ?? []).map((each) => Number.parseInt(each, 10) - FIRST)
    return of(topic).flatMap((its, n) => (its === epoch && n >= Number(from) - FIRST && !heard.includes(n) ? [n] : []))
  }

  const driver: RealtimeDriver = {
    specificationVersion: 1,
    name: 'fickle',
    async subscribe(topic, { user, token }, handlers, signal) {
      latest = user
      await pause(300)
      if (mood.isAway) throw new DriverError('fickle', 'away', { retryable: true })
      if (mood.refusesNobody && !token)
        throw new DriverError('fickle', 'not you', { retryable: false, code: 'REALTIME_REFUSED' })
      signal.throwIfAborted()
      joined.get(topic)?.handlers.onDown(new DriverError('fickle', 'Joined anew', { retryable: true }))
      joined.set(topic, { handlers, user })
      return {
        async send() {},
        async track() {},
        async untrack() {},
        async since(after, _signal, wish) {
          const cursor = snapshot(of(topic).length)
          const all = of(topic).flatMap((its, n) => (its === epoch ? [n] : []))
          const found = wish ? all.slice(-5) : after === undefined ? [] : since(topic, after)
          const page = (found ?? []).slice(0, wish ? undefined : pageLength)
          const more = page.length < (found?.length ?? 0)
          const end = more ? snapshot((page.at(-1) ?? 0) + 1) : cursor
          const events = page.map((n) => message(topic, n, user) as unknown as FeedEvent)
          await pause(300)
          if (mood.failsToRead) throw new DriverError('fickle', 'busy', { retryable: true })
          return { events, cursor: end, gap: found === undefined, more }
        },
        setToken() {},
        async leave() {
          if (joined.get(topic)?.handlers === handlers) joined.delete(topic)
        },
      }
    },
    async health() {},
    async close() {},
  }
  const drop = (topic?: string): void => {
    for (const [name, { handlers }] of joined) {
      if (topic !== undefined && topic !== name) continue
      joined.delete(name)
      handlers.onDown(new DriverError('fickle', 'lost', { retryable: true }))
    }
  }
  return {
    driver,
    mood,
    joined,
    get user() {
      return latest
    },
    count: (topic) => of(topic).length,
    position: (topic) => snapshot(of(topic).length),
    commit(topic) {
      const n = of(topic).length
      kept.set(topic, [...of(topic), epoch])
      const { handlers, user } = joined.get(topic) ?? {}
      const { event, payload, meta } = message(topic, n, user)
      handlers?.onMessage(event, payload, meta)
    },
    drop,
    restore() {
      epoch = Math.min(epoch + 1, EPOCHS.length - 1)
      drop()
    },
  }
}
