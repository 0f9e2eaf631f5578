import { isObject, property, readText } from './safe-read.ts'
import type { MonitoredUser } from '../signals.ts'

/**
 * Reads a user as plain, redacted data with a text as its id, so that every driver can print it. Returns `undefined` when
 * there is none.
 *
 * @param clean Turns any value into plain, redacted data.
 */
export function readUser(user: unknown, clean: (value: unknown) => unknown): MonitoredUser | undefined {
  if (user === undefined || user === null) return undefined
  const plain = isObject(user) ? clean(user) : { id: clean(user) }
  // A revoked proxy, or no budget left: there was a user, but it could not be read.
  if (!isObject(plain)) return { id: UNREADABLE }
  const id = property(plain, 'id')
  return { ...plain, ...(id !== undefined && { id: idOf(id) }) } as MonitoredUser
}

const UNREADABLE = '[unreadable]'

function idOf(id: unknown): string {
  return isObject(id) || id === null ? UNREADABLE : readText(id)
}
