import { validate, type StandardSchema } from '@msc/core'
import { refusal } from '../base/refusal.ts'

/** Schemas of a channel's events. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>

/** The schema of an event. @throws ConfigError `REALTIME_EVENT_UNKNOWN` for one that has none. */
export function schemaFor(topic: string, events: EventSchemas, event: string): StandardSchema {
  const schema = Object.hasOwn(events, event) && events[event]
  if (schema) return schema
  throw refusal(`${topic} has no event ${event}, only ${Object.keys(events).join(', ')}.`, 'REALTIME_EVENT_UNKNOWN')
}

/** The payload as its schema reads it. @throws ValidationError for one that is not valid. */
export async function read(topic: string, events: EventSchemas, event: string, payload: unknown): Promise<unknown> {
  return validate(schemaFor(topic, events, event), payload, `Event ${event}`)
}
