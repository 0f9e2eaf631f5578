import { ConfigError, ValidationError, carrier, emit, validate, withCarrier, type StandardSchema } from '@msc/core'
import type { Payload } from './create-realtime.ts'
import type { RawChannel } from './topic.ts'

/** Schemas of a channel's events. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>

/**
 * A channel whose payloads are checked: an outgoing one before it is sent, an incoming one before anybody sees it. One that
 * is not valid is dropped, counted and named on the console; order is kept, also with schemas that take their time.
 */
export function typed(channel: RawChannel, events: EventSchemas, driver: string): RawChannel {
  const schemaOf = (event: string): StandardSchema | undefined =>
    Object.hasOwn(events, event) ? events[event] : undefined
  let queue: Promise<void> = Promise.resolve()
  return {
    ...channel,
    on(event, handler) {
      if (event !== '*' && !schemaOf(event)) {
        throw new ConfigError(`[msc/realtime] ${channel.topic} has no event ${JSON.stringify(event)}.`, {
          code: 'REALTIME_EVENT_UNKNOWN',
          hint: `It has: ${Object.keys(events).join(', ')}.`,
        })
      }
      let wanted = true
      const stop = channel.on(event, (raw, name) => {
        // In the trace of who sent it, also when it had to wait.
        const from = carrier()
        const check = async (): Promise<void> => {
          try {
            const schema = schemaOf(name)
            if (!schema) throw new ValidationError(`There is no event ${JSON.stringify(name)}.`)
            const payload = (await validate(schema, raw, `Payload of ${name}`)) as Payload
            if (wanted) withCarrier(from, () => handler(payload, name))
          } catch (error) {
            if (!ValidationError.isInstance(error)) return console.error('[msc/realtime] A handler threw.', error)
            emit('driver.drop', { concern: 'realtime', driver, reason: 'invalid payload', count: 1 })
            console.warn(`[msc/realtime] ${channel.topic}: ${error.message}`)
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
      const schema = schemaOf(event)
      if (!schema) {
        throw new ValidationError(`[msc/realtime] ${channel.topic} has no event ${JSON.stringify(event)}.`, [], {
          code: 'REALTIME_EVENT_UNKNOWN',
          hint: `It has: ${Object.keys(events).join(', ')}.`,
        })
      }
      await validate(schema, payload, `Payload of ${event}`)
      // As given: the other side checks, and transforms, for itself.
      await channel.broadcast(event, payload)
    },
  }
}
