// Messages as they lie in a store. It imports nothing that a page loads first.
import { hash128 } from '@msc/core/hash'
import { readExactly } from '../base/exact-json.ts'

/** Where kept messages are: `localStorage`, or what has its methods. */
export type OutboxStore = Pick<Storage, 'length' | 'key' | 'getItem' | 'setItem' | 'removeItem'>

export interface Kept {
  readonly key: string
  readonly bytes: number
  readonly topic: string
  readonly private: boolean
  readonly event: string
  readonly payload: unknown
  readonly at: number
}

const PREFIX = 'msc-realtime:outbox:'
export const MAX_MESSAGES = 100
export const MAX_BYTES: number = 256 * 1024
const MAX_AGE_MS = 24 * 60 * 60 * 1000

/**
 * Where the messages of a user's account for a backend are, by hashes, so that the store names neither: `undefined` for nobody,
 * and for a token that does not say whose it is. A session is no part of it: whoever signs in again is the same account.
 */
export function placeOf(identity: string | undefined, backend: string): string | undefined {
  if (!identity) return undefined
  const [sub, , role] = JSON.parse(identity) as unknown[]
  const account = JSON.stringify([sub, role])
  return typeof sub === 'string' && sub !== '' ? `${prefixOf(backend)}${hash128(account)}:` : undefined
}

const prefixOf = (backend: string): string => `${PREFIX}${hash128(backend)}:`
const FILED = /^[\da-f]{32}:[\da-f]{32}:/

/**
 * Removes what another account has kept for the backend, now that this one is known to be here, or nobody. Who uses another backend
 * is not known: of what is kept for that goes what is too old.
 */
export function tidy(store: OutboxStore, place: string | undefined, backend: string, now: number): void {
  const here = prefixOf(backend)
  for (const key of keysFrom(store, PREFIX)) {
    if (place !== undefined && key.startsWith(place)) continue
    const isElsewhere = !key.startsWith(here) && FILED.test(key.slice(PREFIX.length))
    if (!isElsewhere || isOver(read(store.getItem(key) ?? ''), now)) store.removeItem(key)
  }
}

/** Of a message its age counts, of a claim its end. */
const isOver = ({ at, until }: Readonly<Record<string, unknown>>, now: number): boolean =>
  typeof at === 'number' ? now - at >= MAX_AGE_MS : !(Number(until) > now)

export function keysFrom(store: OutboxStore, place: string): string[] {
  const keys: string[] = []
  for (let index = 0; index < store.length; index++) {
    const key = store.key(index)
    if (key?.startsWith(place)) keys.push(key)
  }
  return keys.sort()
}

/** In the order in which they were asked for. What is too old, or can not be read, goes. */
export function keptIn(store: OutboxStore, place: string, now: number): Kept[] {
  const all: Kept[] = []
  for (const key of keysFrom(store, `${place}m`)) {
    const text = store.getItem(key) ?? ''
    const { topic, private: isPrivate, event, payload, at } = read(text)
    if (typeof topic === 'string' && typeof event === 'string' && typeof at === 'number' && !isOver({ at }, now))
      all.push({ key, bytes: 2 * text.length, topic, private: isPrivate === true, event, payload, at })
    else store.removeItem(key)
  }
  return all
}

export function read(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(readExactly(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}

/**
 * Of its own key, so that two tabs never overwrite each other's.
 *
 * @returns The key; `full` where there is no room, `undefined` where the store takes nothing.
 */
export function append(
  store: OutboxStore,
  place: string,
  id: string,
  message: Omit<Kept, 'key' | 'bytes'>,
): string | undefined {
  const text = JSON.stringify(message)
  try {
    const kept = keptIn(store, place, message.at)
    const bytes = kept.reduce((sum, each) => sum + each.bytes, 2 * text.length)
    if (kept.length >= MAX_MESSAGES || bytes > MAX_BYTES) return 'full'
    // Not by the clock, which may have been put back since.
    const last = Number(
      kept
        .at(-1)
        ?.key.slice(place.length + 1)
        .split(':')[0] ?? 0,
    )
    const key = `${place}m${String(last + 1).padStart(12, '0')}:${id}`
    store.setItem(key, text)
    return key
  } catch {
    // It is full, or forbidden.
    return undefined
  }
}
