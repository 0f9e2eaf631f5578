import { orAborted, randomHex } from '@msc/core'
import { payloadText } from '../base/payload-text.ts'
import type { OutgoingMessage } from '../driver.ts'
import { CHANNEL } from '../phoenix/channel-prefix.ts'
import { assertName } from '../server/wire/binary.ts'
import type { RealtimeBus } from './bus.ts'
import { formatBroadcast, formatFrame } from './frame.ts'

interface Publisher {
  readonly id: string
  number: number
  /** Settles when what was published before has been sent, or has failed. */
  turn: Promise<unknown>
}

const publishers = new WeakMap<RealtimeBus, Publisher>()

/**
 * Publishes to the members of all servers, from a process that is none. Resolves when the bus has taken all of it: a server
 * that can't hear the bus then tells its members that something may be missing.
 *
 * @throws ValidationError `REALTIME_NAME_TOO_LONG`, `REALTIME_PAYLOAD_UNWRITABLE`; DriverError when it may not have been sent.
 */
export async function publishOver(
  bus: RealtimeBus,
  messages: readonly OutgoingMessage[],
  signal: AbortSignal,
): Promise<void> {
  const texts = messages.map(({ topic, event, payload, private: isPrivate }) => {
    assertName('topic', CHANNEL + topic)
    assertName('event', event)
    return formatBroadcast({ topic, event, private: isPrivate, payload: payloadText(payload) })
  })
  let publisher = publishers.get(bus)
  if (!publisher) publishers.set(bus, (publisher = { id: randomHex(8), number: 0, turn: Promise.resolve() }))
  const mine = publisher
  const sent = mine.turn.then(() => {
    signal.throwIfAborted()
    mine.number += 1
    // Its number is used up even when it fails: the servers see by the next that it is missing.
    return orAborted(bus.send(formatFrame(mine.id, mine.number, texts, true), signal), signal)
  })
  mine.turn = sent.catch(() => undefined)
  await sent
}
