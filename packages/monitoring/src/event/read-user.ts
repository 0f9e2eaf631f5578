import { isObject, property, readText } from './safe-read.ts'
import type { MonitoredUser } from '../signals.ts'

/**
 * A user as plain, redacted data whose id is text, so that no driver meets one that it can't print. `undefined` when
 * nothing was said.
 *
 * @param clean Makes plain, redacted data of any value.
 */
export function readUser(user: unknown, clean: (value: unknown) => unknown): MonitoredUser | undefined {
  if (user === undefined || user === null) return undefined
  const plain = isObject(user) ? clean(user) : { id: clean(user) }
  // A proxy that was revoked, or nothing left of the budget: somebody it was all the same.
  if (!isObject(plain)) return { id: UNREADABLE }
  const id = property(plain, 'id')
  return { ...plain, ...(id !== undefined && { id: idOf(id) }) } as MonitoredUser
}

const UNREADABLE = '[unreadable]'

function idOf(id: unknown): string {
  return isObject(id) || id === null ? UNREADABLE : readText(id)
}
