import { DriverError } from '@msc/core'
import type * as ExactJson from '../base/exact-json.ts'
import { within } from '../base/signals.ts'
import type { PresenceState, RealtimeDriver, SubscribeOptions, Subscription, SubscriptionHandlers } from '../driver.ts'
import { createTracking, type Tracking } from '../client/tracking.ts'
import { toPlain, type Answer, type Request, type Shared as Answered } from './messages.ts'

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
  /** Begins with the tab and a dot. */
  readonly sub: string
  readonly tab: string
  readonly shared: Shared
  /** Has asked where it is in the history, and knows what is done to messages. */
  followsHistory?: boolean
}

/** One subscription of the driver, for every tab that wants the same. */
interface Shared {
  readonly topic: string
  readonly options: SubscribeOptions
  readonly members: Set<Member>
  readonly joining: Promise<Subscription>
  readonly ending: AbortController
  readonly tracking: Tracking<Member>
  presence?: PresenceState
  isJoined?: boolean
}

/** For what a tab asks; its own engine gives up earlier if it wants to. */
const LIMIT_MS = 30_000

export function createLeader(driver: RealtimeDriver, tell: (tab: string, answer: Answer) => void): Leader {
  const members = new Map<string, Member>()
  const shares = new Map<string, Shared>()
  const leaving = new Map<string, Promise<void>>()

  const tellAll = (shared: Shared, said: object, isFor?: (member: Member) => boolean): void => {
    for (const member of shared.members)
      if (!isFor || isFor(member)) tell(member.tab, { sub: member.sub, ...said } as Answer)
  }

  const open = (topic: string, options: SubscribeOptions): Shared => {
    const ending = new AbortController()
    const all = new Set<Member>()
    const join = async (): Promise<Subscription> => {
      await leaving.get(topic)
      const handlers: SubscriptionHandlers = {
        onMessage(...message) {
          const [event, payload, meta] = message
          const { action, echo, ...said } = Object(meta) as { readonly action?: unknown; readonly echo?: unknown }
          if (echo === undefined) {
            // A tab that has no history would take it for a message.
            const isAction = action !== undefined
            return tellAll(shared, { message }, isAction ? ({ followsHistory }) => followsHistory === true : undefined)
          }
          // To the tab that has sent it, which may have opened its channel anew since, it says only where it is.
          const isOwn = ({ tab }: Member): boolean => String(echo).startsWith(`${tab}.`)
          const others = [event, payload, ...('id' in said ? [said] : [])]
          tellAll(shared, { message: others }, (member) => !isOwn(member))
          tellAll(shared, { message: [event, null, meta] }, (member) => isOwn(member) && !!member.followsHistory)
        },
        onPresence: (presence) => tellAll(shared, { presence: (shared.presence = presence) }),
        onDown: (reason, spreadMs) => lose(shared, reason, spreadMs),
      }
      return within(LIMIT_MS, ending.signal, (signal) => driver.subscribe(topic, options, handlers, signal))
    }
    const shared: Shared = { topic, options, members: all, ending, joining: join(), tracking: createTracking() }
    shared.joining.then(
      () => (shared.isJoined = true),
      () => forget(shared),
    )
    shares.set(topic, shared)
    return shared
  }

  const forget = (shared: Shared): void => {
    if (shares.get(shared.topic) === shared) shares.delete(shared.topic)
    for (const { sub } of shared.members) members.delete(sub)
  }

  const lose = (shared: Shared, reason: Error, spreadMs?: number): void => {
    forget(shared)
    tellAll(shared, { down: toPlain(driver.name, reason), spreadMs })
  }

  /** @param anew Why it is joined anew: then what the server was asked for before is still answered. */
  const end = (shared: Shared, anew?: DriverError): void => {
    const { topic, joining, ending, isJoined } = shared
    forget(shared)
    if (!anew || !isJoined)
      ending.abort(anew ?? new DriverError(driver.name, 'The subscription was left.', { code: 'REALTIME_LEFT' }))
    const left = joining
      .then((live) => live.leave())
      .catch(() => undefined)
      .finally(() => leaving.get(topic) === left && leaving.delete(topic))
    leaving.set(topic, left)
  }

  /** The subscription that is there, where it will do: a connection has one for each topic. */
  const share = (topic: string, options: SubscribeOptions): Shared => {
    const shared = shares.get(topic)
    if (!shared) return open(topic, options)
    const { private: isPrivate, presenceKey: key } = shared.options
    const other = options.presenceKey
    if (options.private !== isPrivate || (key !== undefined && other !== undefined && key !== other)) {
      throw new DriverError(driver.name, `${topic} is joined by another tab, with other options.`, {
        code: 'REALTIME_TOPIC_CONFLICT',
        hint: 'Say `private` and the presence key the same in all tabs, or do not share the connection.',
      })
    }
    if (key !== undefined || other === undefined) return shared
    // Presence is asked for at the join; who is here already comes back at once.
    const anew = new DriverError(driver.name, 'Joined anew, with presence.', { retryable: true })
    lose(shared, anew, 0)
    end(shared, anew)
    return open(topic, options)
  }

  /** The last one out closes the door. */
  const leave = (member: Member): void => {
    const { shared, sub } = member
    members.delete(sub)
    shared.members.delete(member)
    if (shared.members.size === 0) end(shared)
    else if (shared.tracking.unsay(member)) {
      void shared.joining
        .then((live) => within(LIMIT_MS, undefined, (signal) => shared.tracking.tell(live, signal)))
        .catch(() => undefined)
    }
  }

  const subscribe = async (tab: string, ask: Request & { readonly do: 'subscribe' }): Promise<Answered> => {
    const shared = share(ask.topic, ask.options)
    const member: Member = { sub: ask.sub, tab, shared }
    shared.members.add(member)
    members.set(ask.sub, member)
    const live = await shared.joining.catch((error: unknown) => {
      leave(member)
      throw error
    })
    if (shared.presence && members.has(ask.sub)) tell(tab, { sub: ask.sub, presence: shared.presence })
    return {
      limits: live.limits,
      bytes: live.sendBytes !== undefined,
      acts: live.act !== undefined,
      counts: live.occupancy !== undefined,
    }
  }

  let reading: Promise<typeof ExactJson | undefined> | undefined
  const answer = async (tab: string, ask: Request): Promise<unknown> => {
    if (ask.do === 'ping') return undefined
    if (ask.do === 'subscribe') return subscribe(tab, ask)
    const member = members.get(ask.sub)
    if (ask.do === 'leave') return member && leave(member)
    if (!member) throw new DriverError(driver.name, 'The subscription was lost.', { retryable: true })
    const { shared } = member
    const { json } = ask as { readonly json?: string }
    // What can not be loaded is asked for anew the next time.
    if (json !== undefined) reading ??= import('../base/exact-json.ts').catch(() => (reading = undefined))
    const live = await shared.joining
    // Whoever asks later waits for it too, and so overtakes nobody.
    const code = await reading
    if (json !== undefined && !code)
      throw new DriverError(driver.name, 'A file of the page could not be loaded.', { retryable: true })
    /** With all digits of its numbers, which no tab could hand on to another as they are. */
    const exact = json === undefined ? ask : { ...ask, ...(code?.readExactly(json) as object) }
    if (ask.do === 'token') return live.setToken(ask.token)
    const inTime = <T>(use: (signal: AbortSignal) => Promise<T>): Promise<T> =>
      within(LIMIT_MS, shared.ending.signal, use)
    if (ask.do === 'since') {
      if (!ask.latest) member.followsHistory = true
      return inTime(async (signal) => live.since?.(ask.after, signal, ask.latest))
    }
    if (ask.do === 'act') return inTime(async (signal) => live.act?.((exact as typeof ask).action, signal))
    if (ask.do === 'occupancy') {
      // Whoever asks later is told at once, as the server tells it again.
      return inTime(async (signal) => live.occupancy?.((occupancy) => tellAll(shared, { occupancy }), signal))
    }
    if (ask.do === 'track' || ask.do === 'untrack') {
      const state = ask.do === 'track' ? (exact as typeof ask).state : undefined
      if (state) shared.tracking.say(member, state)
      else shared.tracking.unsay(member)
      return inTime((signal) => shared.tracking.tell(live, signal, state))
    }
    const { event, payload } = ask
    const isHeard = member.followsHistory || shared.members.size > 1
    const answer = await inTime(async (signal) =>
      payload instanceof Uint8Array
        ? live.sendBytes?.(event, payload, signal)
        : live.send(event, (exact as typeof ask).payload, signal, ask.echo && isHeard ? member.sub : undefined),
    )
    // It comes among the others.
    if ((Object(answer) as { readonly echo?: unknown }).echo === true) return answer
    // A server that does not echo to a connection what came from it, and here the other tabs are on it too.
    for (const other of shared.members) {
      // A message that is kept has an id, by which it is known when it is read again.
      const message = [event, payload, ...(answer ? [answer] : [])] as [string, unknown, unknown?]
      if (other !== member) tell(other.tab, { sub: other.sub, message })
    }
    return answer
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
