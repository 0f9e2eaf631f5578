import { validate, type StandardSchema } from '@msc/core'
import type { Payload } from '../base/message.ts'
import { safely } from '../base/safely.ts'
import type { RawChannel } from './raw-channel.ts'
import { refusal } from './topic.ts'
import { traced } from '../base/traced.ts'

/** Schemas of a channel's events. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>

/**
 * A channel whose payloads are checked: an outgoing one before it is sent, an incoming one before anybody sees it. One that
 * is not valid is dropped and told to `onInvalid`; order is kept, also with schemas that take their time.
 */
export function typed(channel: RawChannel, events: EventSchemas, onInvalid: (error: unknown) => void): RawChannel {
  const schemaFor = (event: string): StandardSchema => {
    const schema = Object.hasOwn(events, event) && events[event]
    if (schema) return schema
    throw refusal(
      `${channel.topic} has no event ${event}, only ${Object.keys(events).join(', ')}.`,
      'REALTIME_EVENT_UNKNOWN',
    )
  }
  let queue: Promise<void> = Promise.resolve()
  return {
    ...channel,
    on(event, handler) {
      if (event !== '*') schemaFor(event)
      let wanted = true
      const stop = channel.on(event, (raw, name) => {
        const handOn = traced((payload: Payload) => handler(payload, name))
        const check = async (): Promise<void> => {
          try {
            const payload = (await validate(schemaFor(name), raw, `Payload of ${name}`)) as Payload
            if (wanted) safely(() => handOn(payload))
          } catch (error) {
            onInvalid(error)
          }
        }
        queue = queue.then(check)
      })
      return () => {
        wanted = false
        stop()
      }
    },
    async broadcast(event, payload) {
      await validate(schemaFor(event), payload, `Payload of ${event}`)
      // As given: the other side checks, and transforms, for itself.
      await channel.broadcast(event, payload)
    },
  }
}
