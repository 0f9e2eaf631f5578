import { orAborted, randomHex } from '@msc/core'
import { payloadText } from '../base/payload-text.ts'
import type { OutgoingMessage } from '../driver.ts'
import { CHANNEL } from '../phoenix/channel-prefix.ts'
import { assertName } from '../base/name.ts'
import type { RealtimeBus } from './bus.ts'
import { formatBroadcast, formatFrame } from './frame.ts'

/** Publishes to the members of all servers, from a process that is none: see `embedded({ bus })`. */
export interface BusPublisher {
  /**
   * Resolves when the bus has taken all of it. A server that can't hear the bus tells its members that something may be missing.
   *
   * @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_PAYLOAD_UNWRITABLE`; DriverError when it may not have been sent.
   */
  publish(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<void>
}

/** Adds `publish` to a bus, as all of ours have it. */
export function publishing<Bus extends RealtimeBus>(bus: Bus): Bus & BusPublisher {
  const id = randomHex(8)
  let number = 0
  /** Settles when what was published before has been sent, or has failed. */
  let turn: Promise<unknown> = Promise.resolve()
  const publish: BusPublisher['publish'] = async (messages, signal) => {
    const texts = messages.map(({ topic, event, payload, private: isPrivate }) => {
      assertName('topic', CHANNEL + topic)
      assertName('event', event)
      // Where the servers keep its topic, it has one id on all of them.
      const meta = { id: `m${id}-${randomHex(8)}`, at: new Date().toISOString() }
      return formatBroadcast({ topic, event, private: isPrivate, payload: payloadText(payload), meta })
    })
    const sent = turn.then(() => {
      signal.throwIfAborted()
      number += 1
      // Its number is used up even when it fails: the servers see by the next that it is missing.
      return orAborted(bus.send(formatFrame(id, number, texts, true), signal), signal)
    })
    turn = sent.catch(() => undefined)
    await sent
  }
  return { ...bus, publish }
}
