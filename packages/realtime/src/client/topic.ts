import { asWritten } from '../base/as-written.ts'
import { deferred } from '../base/promises.ts'
import { refusal } from '../base/refusal.ts'
import { addTo, callAll, tell, type Handler, type Member } from './members.ts'
import { createMembership, type Audience, type Membership, type MembershipOptions } from './membership.ts'
import type { ChannelOptions } from '../create-realtime.ts'
import type { RawChannel } from './raw-channel.ts'
import type { Operation, SendingTools } from './sending.ts'
import { read, schemaFor } from './typed.ts'

export interface TopicOptions extends MembershipOptions, SendingTools {
  /** A message has another payload than its schema says, and is not handed on. */
  readonly onInvalid: (error: unknown) => void
  /** Those that are subscribed to. */
  readonly topics: Map<string, unknown>
}

/** One topic, joined once however many subscribe to it, by whoever uses the client. */
export interface Topic extends Audience {
  readonly options: TopicOptions
  /** Sends that wait for a connection, or for an answer. */
  waiting?: number
  /** Of the user of now. */
  membership: Membership
  /** @throws ConfigError where somebody is here who says something else of it. */
  subscribe(channel: ChannelOptions): RawChannel
}

/** What a channel hears but messages. */
type Heard = 'onAction' | 'onGap' | 'onError' | 'onReady' | 'onPresence' | 'onOccupancy'

export function createTopic(options: TopicOptions): Topic {
  const { name } = options
  const members = new Set<Member>()

  const self = {
    options,
    members,
    feedCode: deferred(),
    subscribe(wanted: ChannelOptions): RawChannel {
      const { presenceKey: key, events } = wanted
      const isNew = key && key !== self.presenceKey
      if (!!wanted.private !== options.private || (isNew && [...members].some((each) => each.presenceKey))) {
        throw refusal(`${name} has other options.`, 'REALTIME_TOPIC_CONFLICT')
      }
      if (isNew) self.presenceKey = key
      const isKept = wanted.history || wanted.rewind || wanted.from
      // A join that has not been sent yet carries it anyway.
      if ((!options.feed && (options.feed = isKept)) || isNew) self.membership.redo()
      /** What its topic hears before it is known where this one begins. */
      const early: Parameters<Member['tell']>[] = []
      const member: Member = {
        presenceKey: key,
        onInvalid: options.onInvalid,
        hears: new Set(),
        reading: Promise.resolve(),
        tell: isKept ? (...message) => early.push(message) : tell,
        read: events && read.bind(undefined, name, events),
      }
      members.add(member)
      /** Does something with a live subscription, for the user of now, after what was asked before. */
      const request =
        (operation: Operation) =>
        (...args: unknown[]): Promise<never> => {
          const written = asWritten(args)
          return new Promise((resolve, reject) => {
            self.membership
              .inTime(operation, (signal) =>
                import('./sending.ts').then((code) =>
                  code.perform(operation, self, member, written, signal, resolve, args),
                ),
              )
              .then(resolve, reject)
          })
        }
      const hear = (...handler: Handler): (() => void) => addTo(member.hears, handler)
      const ready: Promise<never> = self.membership.live.then(() => undefined as never)
      ready.catch(() => undefined)
      const channel = {
        topic: name,
        ready,
        on(event, handler) {
          if (events && event !== '*') schemaFor(name, events, event)
          return hear('message', handler, event)
        },
        leave() {
          if (!members.delete(member)) return
          // What is being read or fetched for it is told nobody any more.
          member.hears.clear()
          self.membership.tracking?.forget(member)
          if (members.size) return
          options.topics.delete(name)
          void self.membership.close(refusal(`${name} was left.`, 'REALTIME_LEFT'))
        },
      } as Omit<RawChannel, Operation | Heard> as RawChannel
      for (const kind of ['onError', 'onPresence', 'onReady', 'onOccupancy', 'onAction', 'onGap'] as const) {
        channel[kind] = (handler) => {
          // Who is there already; later, as with everything else.
          if (kind === 'onPresence')
            queueMicrotask(() => {
              if (self.membership.presence) callAll([member], kind, self.membership.presence)
            })
          // Nobody counts before somebody wants to know.
          if (kind === 'onOccupancy') request(kind)().catch(self.membership.report)
          return hear(kind, handler)
        }
      }
      // In the order in which the names compress best.
      for (const operation of [
        'track',
        'update',
        'untrack',
        'remove',
        'react',
        'unreact',
        'broadcast',
        'history',
      ] as const) {
        channel[operation] = request(operation)
      }
      if (isKept)
        void self.feedCode.promise.then((code) => code.openHistory(self, member, channel, wanted, tell, early))
      return channel
    },
  } as Topic
  self.membership = createMembership(self)
  return self
}
