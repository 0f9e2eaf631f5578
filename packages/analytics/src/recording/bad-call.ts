import { ValidationError } from '@msc/core'
import type { Subject } from '../messages.ts'

/** Backends cut longer ids, which makes one person of two. Source: PostHog's capture service cuts at 200. */
const MAX_ID = 200

/** The subject as callers pass it: an id, or a whole subject. */
export type SubjectInput = string | Subject

/**
 * Reads the subject of a call. A number becomes text, since row ids are often numbers.
 *
 * @throws ValidationError
 */
export function readSubject(input: unknown): Subject {
  if (typeof input !== 'object' || input === null) return { distinctId: readId(input, 'distinctId') }
  const { distinctId, anonymousId, sessionId, deviceId, groups } = input as Subject
  if (distinctId === undefined && anonymousId === undefined) {
    throw badCall('A subject needs a distinctId or an anonymousId.', 'ANALYTICS_SUBJECT_INVALID')
  }
  return {
    ...(distinctId !== undefined && { distinctId: readId(distinctId, 'distinctId') }),
    ...(anonymousId !== undefined && { anonymousId: readId(anonymousId, 'anonymousId') }),
    ...(sessionId !== undefined && { sessionId: readId(sessionId, 'sessionId') }),
    ...(deviceId !== undefined && { deviceId: readId(deviceId, 'deviceId') }),
    ...(groups && { groups: readGroups(groups) }),
  }
}

function readGroups(groups: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(groups).map(([type, key]) => [type, readId(key, `groups.${type}`)]))
}

/**
 * Returns an id as text.
 *
 * @throws ValidationError
 */
export function readId(value: unknown, name: string): string {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
  if (typeof text !== 'string' || text.trim() === '' || text === 'NaN') {
    throw badCall(
      `${name} must be non-empty text; it is ${describe(value)}.`,
      'ANALYTICS_SUBJECT_INVALID',
      'Pass the id of the person, or an anonymous id for a visitor without one.',
    )
  }
  if (text.length > MAX_ID) {
    throw badCall(
      `${name} has ${text.length} characters; at most ${MAX_ID} are allowed.`,
      'ANALYTICS_SUBJECT_INVALID',
      'A backend would cut it and could take two people for one. Pass a shorter id, such as a hash.',
    )
  }
  return text
}

/**
 * Reads the name of an event or a flag.
 *
 * @throws ValidationError
 */
export function readName(value: unknown, what: string): string {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= MAX_ID) return value
  throw badCall(
    `The name of ${what} must be text of 1 to ${MAX_ID} characters; it is ${describe(value)}.`,
    'ANALYTICS_NAME_INVALID',
    'Pass a fixed name such as release_created, and put what varies into a property.',
  )
}

export function badCall(message: string, code: string, hint?: string): ValidationError {
  return new ValidationError(`[msc/analytics] ${message}`, [], { code, ...(hint !== undefined && { hint }) })
}

/** Describes a value without its content, which may be sensitive. */
function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'string') return value.trim() === '' ? 'empty' : `text of ${value.length} characters`
  if (typeof value === 'number') return String(value)
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`
}
