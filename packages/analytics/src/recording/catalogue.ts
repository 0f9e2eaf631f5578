import { ValidationError, type StandardSchema } from '@msc/core'
import { badCall } from './bad-call.ts'

/** Event name → schema of its properties. */
export type Catalogue = Readonly<Record<string, StandardSchema<unknown, Record<string, unknown>>>>

type SchemaResult = Awaited<ReturnType<Catalogue[string]['~standard']['validate']>>

/**
 * Returns the properties as the catalogue's schema outputs them, or a promise when the schema is asynchronous.
 * Synchronous when possible, so that a `flush` right after `track` finds the event in the queue.
 *
 * @throws ValidationError (or rejects with it) for an event that the catalogue does not name, or invalid properties.
 */
export function checkAgainst(catalogue: Catalogue, event: string, properties: object): object | Promise<object> {
  // Own properties only: event names are arbitrary text, and `constructor` is not an event.
  const schema = Object.hasOwn(catalogue, event) ? catalogue[event] : undefined
  if (!schema) {
    throw badCall(
      `The catalogue has no event ${JSON.stringify(event)}.`,
      'ANALYTICS_EVENT_UNKNOWN',
      'Add it to the catalogue, with a schema for its properties.',
    )
  }
  const result = schema['~standard'].validate(properties)
  return isPromise(result) ? result.then((late) => judge(event, late)) : judge(event, result)
}

function judge(event: string, result: SchemaResult): object {
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message, path }) => ({
    message,
    path: (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  }))
  const first = issues[0]
  throw new ValidationError(
    `[msc/analytics] The properties of ${event} are not valid: ${first?.path ? `${first.path}: ` : ''}${first?.message}`,
    issues,
    { code: 'ANALYTICS_PROPERTIES_INVALID', hint: `Pass properties that match the catalogue's schema of ${event}.` },
  )
}

function isPromise(value: unknown): value is Promise<SchemaResult> {
  return typeof (value as { then?: unknown } | null)?.then === 'function'
}
