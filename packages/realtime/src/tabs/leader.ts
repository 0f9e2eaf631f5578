import { DriverError } from '@msc/core'
import type { PresenceState, RealtimeDriver, SubscribeOptions, Subscription } from '../driver.ts'
import { toPlain, type Answer, type Request } from './messages.ts'

/** The tab that has the connection, for itself and for the others. */
export interface Leader {
  /** Subscriptions of all tabs. */
  readonly size: number
  handle(tab: string, id: string, ask: Request): void
  /** The tab has gone, and said nothing. */
  drop(tab: string): void
  close(): void
}

interface Member {
  readonly sub: string
  readonly tab: string
  readonly shared: Shared
}

/** One subscription of the driver, for every tab that wants the same. */
interface Shared {
  readonly members: Set<Member>
  readonly joining: Promise<Subscription>
  readonly ending: AbortController
  presence?: PresenceState
  /** Whose state is tracked: the last that said one. */
  tracking?: Member
}

/** For what a tab asks; its own engine gives up earlier if it wants to. */
const LIMIT_MS = 30_000

export function createLeader(driver: RealtimeDriver, tell: (tab: string, answer: Answer) => void): Leader {
  const members = new Map<string, Member>()
  const shares = new Map<string, Shared>()
  const leaving = new Map<string, Promise<void>>()

  const keyOf = (topic: string, { private: isPrivate, presenceKey }: SubscribeOptions): string =>
    JSON.stringify([topic, isPrivate, presenceKey])

  const open = (key: string, topic: string, options: SubscribeOptions): Shared => {
    const ending = new AbortController()
    const all = new Set<Member>()
    const end = (): void => {
      if (shares.get(key) === shared) shares.delete(key)
      for (const { sub } of all) members.delete(sub)
    }
    const join = async (): Promise<Subscription> => {
      await leaving.get(key)
      return driver.subscribe(
        topic,
        options,
        {
          onMessage(event, payload) {
            for (const { tab, sub } of all) tell(tab, { sub, message: [event, payload] })
          },
          onPresence(presence) {
            shared.presence = presence
            for (const { tab, sub } of all) tell(tab, { sub, presence })
          },
          onDown(reason, spreadMs) {
            end()
            const down = toPlain(driver.name, reason)
            for (const { tab, sub } of all) tell(tab, { sub, down, ...(spreadMs !== undefined && { spreadMs }) })
          },
        },
        AbortSignal.any([ending.signal, AbortSignal.timeout(LIMIT_MS)]),
      )
    }
    const shared: Shared = { members: all, ending, joining: join() }
    shared.joining.catch(end)
    shares.set(key, shared)
    return shared
  }

  /** The last one out closes the door. */
  const leave = (member: Member): void => {
    const { shared, sub } = member
    members.delete(sub)
    shared.members.delete(member)
    if (shared.members.size > 0) {
      if (shared.tracking === member) {
        delete shared.tracking
        void shared.joining.then((live) => live.untrack(AbortSignal.timeout(LIMIT_MS))).catch(() => undefined)
      }
      return
    }
    const key = [...shares].find(([, each]) => each === shared)?.[0]
    if (key === undefined) return
    shares.delete(key)
    shared.ending.abort(new DriverError(driver.name, 'The subscription was left.', { code: 'REALTIME_LEFT' }))
    const left = shared.joining
      .then((live) => live.leave())
      .catch(() => undefined)
      .finally(() => leaving.get(key) === left && leaving.delete(key))
    leaving.set(key, left)
  }

  const subscribe = async (tab: string, ask: Request & { readonly do: 'subscribe' }): Promise<void> => {
    const key = keyOf(ask.topic, ask.options)
    const shared = shares.get(key) ?? open(key, ask.topic, ask.options)
    const member: Member = { sub: ask.sub, tab, shared }
    shared.members.add(member)
    members.set(ask.sub, member)
    try {
      await shared.joining
    } catch (error) {
      leave(member)
      throw error
    }
    if (shared.presence && members.has(ask.sub)) tell(tab, { sub: ask.sub, presence: shared.presence })
  }

  const answer = async (tab: string, ask: Request): Promise<unknown> => {
    if (ask.do === 'ping') return undefined
    if (ask.do === 'subscribe') return subscribe(tab, ask)
    const member = members.get(ask.sub)
    if (ask.do === 'leave') return member && leave(member)
    if (!member) throw new DriverError(driver.name, 'The subscription was lost.', { retryable: true })
    const { shared } = member
    const live = await shared.joining
    const signal = AbortSignal.any([shared.ending.signal, AbortSignal.timeout(LIMIT_MS)])
    if (ask.do === 'token') return live.setToken(ask.token)
    if (ask.do === 'since') return live.since ? live.since(ask.after, signal) : undefined
    if (ask.do === 'track') {
      shared.tracking = member
      return live.track(ask.state, signal)
    }
    if (ask.do === 'untrack') {
      delete shared.tracking
      return live.untrack(signal)
    }
    await live.send(ask.event, ask.payload, signal)
    // The server does not echo to a connection what came from it, and here the other tabs are on it too.
    for (const other of shared.members) {
      if (other !== member) tell(other.tab, { sub: other.sub, message: [ask.event, ask.payload] })
    }
    return undefined
  }

  return {
    get size() {
      return members.size
    },
    handle(tab, id, ask) {
      answer(tab, ask).then(
        (value) => tell(tab, { re: id, value }),
        (error: unknown) => tell(tab, { re: id, error: toPlain(driver.name, error) }),
      )
    },
    drop(tab) {
      for (const member of members.values()) if (member.tab === tab) leave(member)
    },
    close() {
      for (const member of members.values()) leave(member)
    },
  }
}
