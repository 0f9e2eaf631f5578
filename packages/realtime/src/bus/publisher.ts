import { ConfigError, orAborted, randomHex, systemClock, type Clock } from '@msc/core'
import { payloadText } from '../base/payload-text.ts'
import type { OutgoingMessage } from '../driver.ts'
import { assertGiven, assertPlace } from '../base/name.ts'
import type { RealtimeBus } from './bus.ts'
import { formatBroadcast, formatFrame } from './frame.ts'
import { createSigning } from './signing.ts'

/** What a bus needs to be published on by a process that is no server. */
export interface PublisherOptions {
  /**
   * The servers' own secret, by which they know whom to believe. Only for processes that publish without a server: a server signs
   * by the secret that it has.
   */
  readonly jwtSecret?: string | undefined
  readonly clock?: Clock | undefined
}

/** Publishes to the members of all servers, from a process that is none: see `embedded({ bus })`. */
export interface BusPublisher {
  /**
   * Resolves when the bus has taken all of it. A server that can't hear the bus tells its members that something may be missing.
   *
   * @throws ConfigError `REALTIME_BUS_SECRET_MISSING` where the bus was made without `jwtSecret`. One that is not the servers' is
   *   theirs to report (`REALTIME_BUS_UNSIGNED`): nobody answers on a bus.
   * @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_PAYLOAD_UNWRITABLE`; DriverError when it may not have been sent.
   */
  publish(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<void>
}

/**
 * Adds `publish` to a bus, as all of ours have it.
 *
 * @throws ConfigError `JWT_SECRET_INVALID` for a secret of less than 32 characters.
 */
export function publishing<Bus extends RealtimeBus>(
  bus: Bus,
  { jwtSecret, clock = systemClock }: PublisherOptions = {},
): Bus & BusPublisher {
  const signing = jwtSecret === undefined ? undefined : createSigning(jwtSecret)
  const id = randomHex(8)
  let number = 0
  /** Settles when what was published before has been sent, or has failed. */
  let turn: Promise<unknown> = Promise.resolve()
  const publish: BusPublisher['publish'] = async (messages, signal) => {
    if (!signing) throw unsigned()
    const texts = messages.map(({ topic, event, payload, private: isPrivate }) => {
      assertPlace({ topic, private: isPrivate })
      assertGiven('event', event)
      // Where the servers keep its topic, it has one id on all of them.
      const meta = { id: `m${id}-${randomHex(8)}`, at: new Date().toISOString() }
      return formatBroadcast({ topic, event, private: isPrivate, payload: payloadText(payload), meta })
    })
    const sent = turn.then(() => {
      signal.throwIfAborted()
      number += 1
      // Its number is used up even when it fails: the servers see by the next that it is missing.
      const head = { from: id, number, at: clock.now(), isPublisher: true }
      return orAborted(bus.send(formatFrame(head, texts, signing), signal), signal)
    })
    turn = sent.catch(() => undefined)
    await sent
  }
  return withPublish(bus, publish)
}

/** The very bus, with one method more: a copy of its properties would lose the methods and private fields of a class. */
function withPublish<Bus extends RealtimeBus>(bus: Bus, publish: BusPublisher['publish']): Bus & BusPublisher {
  return new Proxy(bus, {
    has: (target, key) => key === 'publish' || key in target,
    get(target, key) {
      if (key === 'publish') return publish
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  }) as Bus & BusPublisher
}

function unsigned(): ConfigError {
  return new ConfigError('[msc/realtime] The bus has no `jwtSecret`, so no server would believe what is published.', {
    code: 'REALTIME_BUS_SECRET_MISSING',
    hint: 'Pass the `jwtSecret` of the servers to `postgresBus`, `redisBus` or `publishing`.',
  })
}
