import { ValidationError, type StandardSchema } from '@msc/core'
import { badCall } from './bad-call.ts'

/** Event name → schema of its properties. */
export type Catalogue = Readonly<Record<string, StandardSchema<unknown, Record<string, unknown>>>>

type SchemaResult = Awaited<ReturnType<Catalogue[string]['~standard']['validate']>>

/**
 * The properties as the catalogue has them, or a promise where a schema answers later. Synchronous where it can be, so
 * that a `flush` right after `track` finds the event in the queue.
 *
 * Throws, or rejects with, a {@link ValidationError} for an event that it does not name or that does not fit.
 */
export function checkAgainst(catalogue: Catalogue, event: string, properties: object): object | Promise<object> {
  // Event names are text from anywhere: `constructor` is no event.
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
    `[msc/analytics] Properties of ${event} are not valid: ${first?.path ? `${first.path}: ` : ''}${first?.message}`,
    issues,
    { code: 'ANALYTICS_PROPERTIES_INVALID', hint: `Send what the catalogue's schema of ${event} asks for.` },
  )
}

function isPromise(value: unknown): value is Promise<SchemaResult> {
  return typeof (value as { then?: unknown } | null)?.then === 'function'
}
