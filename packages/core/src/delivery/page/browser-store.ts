import { sleep, systemClock, type Clock } from '../../time/clock.ts'
import { randomHex } from '../../ids.ts'
import type { OutboxStore } from '../outbox-types.ts'
import { plainJson } from './plain-json.ts'

/** The part of the Web Locks API that the store uses. */
export interface StoreLocks {
  request(name: string, options: { ifAvailable?: boolean }, callback: (lock: unknown) => unknown): Promise<unknown>
}

export interface BrowserStoreOptions<T> {
  /** Names the outbox; its keys begin with `msc:<name>:`. */
  readonly name: string
  /**
   * Says whether anything may be stored on this device; called at each use. Without consent nothing is written or read, and
   * the items of earlier lives are deleted.
   */
  readonly consent: () => boolean
  /** Reads a stored item; returns `undefined` if it is not one. Other tabs may run other versions of the code. */
  readonly read: (value: unknown) => T | undefined
  /** The number of bytes to store at most; the oldest items have priority. Default 512 KiB. */
  readonly maxBytes?: number
  /** Default: the page's `localStorage`. */
  readonly storage?: Storage | undefined
  /** Default: the page's Web Locks; `null` to use none. */
  readonly locks?: StoreLocks | null | undefined
  readonly clock?: Clock
}

export interface BrowserStore<T> extends OutboxStore<T> {
  /** Deletes everything under this name, of all tabs. Call it when consent is withdrawn. */
  clear(): void
}

interface Life<T> {
  readonly options: BrowserStoreOptions<T>
  readonly prefix: string
  /** The storage key of this life of this tab. */
  readonly key: string
  readonly clock: Clock
  /** True once this tab has requested the lock that shows other tabs that it is open. */
  locked: boolean
  /** The items that the outbox held at its last `keep`. */
  held: readonly T[]
  /** Items taken from other lives but not yet passed to the outbox. They are stored too, since the page may end meanwhile. */
  taken: readonly Taken<T>[]
}

const MAX_BYTES = 512 * 1024
const CLAIM = ':claim'
/** Milliseconds without a write after which a tab counts as closed, if there are no locks. */
const ABANDONED_AFTER_MS = 60_000
/** Milliseconds after which two tabs that claim at the same time have both written, and both see which came last. */
const CLAIM_SETTLES_MS = 100

/**
 * Stores undelivered items of an outbox in the browser, for the next life of the page. Each life of a tab has a key of its
 * own. Exactly one other tab takes the items of a closed one: each open tab holds a Web Lock, and without locks, as on
 * pages without TLS, a tab writes a claim with a time.
 *
 * Never throws: storage that is full, disabled or damaged keeps fewer items or none.
 */
export function createBrowserStore<T>(options: BrowserStoreOptions<T>): BrowserStore<T> {
  const prefix = `msc:${options.name}:`
  const life: Life<T> = {
    options,
    prefix,
    key: `${prefix}${randomHex(8)}`,
    clock: options.clock ?? systemClock,
    locked: false,
    held: [],
    taken: [],
  }
  return {
    take: () => takeAll(life),
    keep(items) {
      life.held = items
      keep(life)
    },
    clear: () => clear(life),
  }
}

function storageOf<T>({ options }: Life<T>): Storage | undefined {
  if (options.storage) return options.storage
  // Node has a `localStorage` too, which all visitors would share.
  if (typeof document === 'undefined') return undefined
  try {
    return localStorage
  } catch {
    // The visitor has disabled storage.
    return undefined
  }
}

function locksOf<T>({ options }: Life<T>): StoreLocks | undefined {
  if (options.locks !== undefined) return options.locks ?? undefined
  const { navigator } = globalThis as unknown as { navigator?: { locks?: StoreLocks } }
  return typeof document === 'undefined' ? undefined : navigator?.locks
}

function keep<T>(life: Life<T>): void {
  const storage = storageOf(life)
  if (!storage) return
  const { options, key, clock, held, taken } = life
  if (!options.consent()) {
    clear(life)
    return
  }
  lock(life)
  const items = [...itemsOf(taken).filter((item) => item !== undefined), ...held]
  let texts = textsWithin(items, options.maxBytes ?? MAX_BYTES)
  while (texts.length > 0) {
    try {
      storage.setItem(key, `{"at":${clock.now()},"items":[${texts.join(',')}]}`)
      return
    } catch {
      // The storage is full, also with other data of the page. Try again with the older half.
      texts = texts.slice(0, Math.floor(texts.length / 2))
    }
  }
  remove(storage, key)
}

/** Returns the JSON of the first items, as many as fit. */
function textsWithin(items: readonly unknown[], maxBytes: number): string[] {
  const encoder = new TextEncoder()
  const texts: string[] = []
  let bytes = 0
  for (const item of items) {
    const text = textOf(item)
    if (text === undefined) continue
    bytes += encoder.encode(text).byteLength + 1
    if (bytes > maxBytes) break
    texts.push(text)
  }
  return texts
}

function textOf(item: unknown): string | undefined {
  try {
    return plainJson(item)
  } catch {
    // An item with a cycle or a BigInt stays in memory only.
    return undefined
  }
}

async function takeAll<T>(life: Life<T>): Promise<readonly (T | undefined)[]> {
  const storage = storageOf(life)
  if (!storage) return []
  if (!life.options.consent()) {
    clear(life)
    return []
  }
  const locks = locksOf(life)
  lock(life)
  const others = keysOf(life, storage).filter((key) => key !== life.key && !key.endsWith(CLAIM))
  for (const key of others) {
    const take = (): void => {
      life.taken = [...life.taken, takeOne(life, storage, key)]
      keep(life)
    }
    if (!locks) await claim(life, storage, key, take)
    else await ask(locks, key, { ifAvailable: true }, (lock) => (lock ? take() : undefined))
  }
  const items = itemsOf(life.taken)
  life.taken = []
  return items
}

/** Returns the items of the oldest life first. */
function itemsOf<T>(taken: readonly Taken<T>[]): (T | undefined)[] {
  return taken.toSorted((a, b) => a.at - b.at).flatMap(({ items }) => items)
}

/** Holds a lock until the tab is closed, by a promise that never settles, so that other tabs know that it is open. */
function lock<T>(life: Life<T>): void {
  if (life.locked) return
  life.locked = true
  const locks = locksOf(life)
  if (locks) void ask(locks, life.key, {}, () => new Promise(() => {}))
}

/** Requests a lock. A refusal or an error only means that fewer items are kept. */
async function ask(locks: StoreLocks, ...request: Parameters<StoreLocks['request']>): Promise<void> {
  try {
    await locks.request(...request)
  } catch {
    // Browsers throw in a frame with an opaque origin, for example.
  }
}

/** Returns the keys of all lives. The pattern excludes stores whose name begins with this one's. */
function keysOf<T>({ prefix }: Life<T>, storage: Storage): string[] {
  const keys: string[] = []
  try {
    for (let index = 0; index < storage.length; index++) {
      const key = storage.key(index)
      if (key?.startsWith(prefix) && /^[\da-f]{16}(?::claim)?$/.test(key.slice(prefix.length))) keys.push(key)
    }
  } catch {
    // Storage was disabled meanwhile.
  }
  return keys
}

async function claim<T>({ clock, key: own }: Life<T>, storage: Storage, key: string, take: () => void): Promise<void> {
  const now = clock.now()
  const abandoned = (at: number): boolean => Math.abs(now - at) >= ABANDONED_AFTER_MS
  const other = parse(getItem(storage, `${key}${CLAIM}`))
  if (!abandoned(timeOf(parse(getItem(storage, key)))) || !abandoned(timeOf(other))) return
  const mine = plainJson({ at: now, by: own })
  try {
    storage.setItem(`${key}${CLAIM}`, mine)
  } catch {
    return
  }
  await sleep(CLAIM_SETTLES_MS, { clock })
  if (getItem(storage, `${key}${CLAIM}`) !== mine) return
  take()
  remove(storage, `${key}${CLAIM}`)
}

interface Taken<T> {
  readonly at: number
  /** `undefined` stands for an item that could not be read. */
  readonly items: readonly (T | undefined)[]
}

/** Takes the items under a key and deletes it in any case. A value that is not a list counts as one unreadable item. */
function takeOne<T>({ options }: Life<T>, storage: Storage, key: string): Taken<T> {
  // Consent may have been withdrawn during the wait for the lock.
  const text = options.consent() ? getItem(storage, key) : null
  remove(storage, key)
  if (text === null) return { at: 0, items: [] }
  const value = parse(text)
  const listed = (value as { items?: unknown } | undefined)?.items
  const items = Array.isArray(listed) ? (listed as unknown[]).map((one) => readItem(options, one)) : [undefined]
  return { at: timeOf(value), items }
}

function readItem<T>({ read }: BrowserStoreOptions<T>, value: unknown): T | undefined {
  try {
    return read(value)
  } catch {
    return undefined
  }
}

function clear<T>(life: Life<T>): void {
  const storage = storageOf(life)
  if (!storage) return
  for (const key of keysOf(life, storage)) remove(storage, key)
}

function getItem(storage: Storage, key: string): string | null {
  try {
    return storage.getItem(key)
  } catch {
    return null
  }
}

function remove(storage: Storage, key: string): void {
  try {
    storage.removeItem(key)
  } catch {
    // Storage is disabled, so there is nothing to remove.
  }
}

function parse(text: string | null): object | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Returns 0, which counts as long ago, for a value without a time. */
function timeOf(value: object | undefined): number {
  const at = (value as { at?: unknown } | undefined)?.at
  return typeof at === 'number' ? at : 0
}
