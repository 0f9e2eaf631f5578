import { UnavailableError } from '@msc/core'
import { deferred } from '../base/promises.ts'
import { refusal } from '../base/refusal.ts'
import { safely } from '../base/safely.ts'
import { addTo, type Handler, type Member } from './members.ts'
import { createMembership, type Audience, type Membership, type MembershipOptions } from './membership.ts'
import type { ChannelOptions } from '../create-realtime.ts'
import type { RawChannel } from './raw-channel.ts'
import type { SendingTools } from './sending.ts'
import { read, schemaFor } from './typed.ts'

export interface TopicOptions extends MembershipOptions, SendingTools {
  /** A message was not taken. */
  readonly onDrop: (reason: string) => void
  /** A message has another payload than its schema says, and is not handed on. */
  readonly onInvalid: (error: unknown) => void
  /** The last subscriber has left. */
  readonly onEmpty: () => void
}

/** One topic, joined once however many subscribe to it, by whoever uses the client. */
export interface Topic extends Audience {
  readonly options: TopicOptions
  /** Of the user of now. */
  membership: Membership
  /** @throws ConfigError where somebody is here who says something else of it. */
  subscribe(channel: ChannelOptions): RawChannel
}

export function createTopic(options: TopicOptions): Topic {
  const { name } = options
  const members = new Set<Member>()
  let waiting = 0

  /** Does something with a live subscription, for the user of now, after what was asked before. */
  const request = async (
    operation: 'broadcast' | 'track' | 'untrack',
    member: Member,
    ...args: unknown[]
  ): Promise<never> => {
    // As many may wait for a connection. Written out, because a constant would be downloaded too.
    if (waiting >= 100) {
      options.onDrop('queue full')
      throw new UnavailableError(`[msc/realtime] 100 sends wait for ${name}.`, {
        code: 'REALTIME_QUEUE_FULL',
      })
    }
    waiting += 1
    const own = self.membership
    return own
      .inTime(
        operation,
        (signal) =>
          import('./sending.ts').then(({ perform }) =>
            perform(operation, self, own, member, args, signal),
          ) as Promise<never>,
      )
      .finally(() => {
        waiting -= 1
      })
  }

  const self = {
    options,
    members,
    feedCode: deferred(),
    subscribe({ private: isPrivate = false, presenceKey: key, events }: ChannelOptions): RawChannel {
      const isNew = key !== undefined && key !== self.presenceKey
      if (
        isPrivate !== options.private ||
        (isNew && [...members].some(({ presenceKey }) => presenceKey !== undefined))
      ) {
        throw refusal(`${name} has another \`private\` or \`presenceKey\`.`, 'REALTIME_TOPIC_CONFLICT')
      }
      if (isNew) {
        self.presenceKey = key
        // A join that has not been sent yet carries it anyway.
        self.membership.redo()
      }
      const member: Member = {
        presenceKey: key,
        hears: new Set(),
        read: events && read.bind(undefined, name, events),
        onInvalid: options.onInvalid,
        reading: Promise.resolve(),
      }
      members.add(member)
      const hear = (...handler: Handler): (() => void) => addTo(member.hears, handler)
      const ready = self.membership.live.then(() => undefined)
      ready.catch(() => undefined)
      return {
        topic: name,
        ready,
        on(event, handler) {
          if (events && event !== '*') schemaFor(name, events, event)
          return hear('message', handler, event)
        },
        onGap: (handler) => hear('gap', handler),
        onError: (handler) => hear('error', handler),
        onReady: (handler) => hear('ready', handler),
        onPresence(handler) {
          const wanted = ['presence', handler] as const
          const { presence } = self.membership
          // Who is there already; later, as with everything else.
          if (presence) queueMicrotask(() => member.hears.has(wanted) && safely(() => handler(presence)))
          return addTo(member.hears, wanted)
        },
        async broadcast(...message) {
          // As given: the other side checks, and transforms, for itself.
          await member.read?.(...message)
          return request('broadcast', member, ...message)
        },
        track: (...state) => request('track', member, ...state),
        untrack: () => request('untrack', member),
        leave() {
          if (!members.delete(member)) return
          self.membership.tracking?.forget(member)
          if (members.size > 0) return
          options.onEmpty()
          void self.membership.close(refusal(`${name} was left.`, 'REALTIME_LEFT'))
        },
      }
    },
  } as Topic
  self.membership = createMembership(self)
  return self
}
