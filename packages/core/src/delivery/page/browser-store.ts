import { sleep, systemClock, type Clock } from '../../time/clock.ts'
import { randomHex } from '../../ids.ts'
import type { OutboxStore } from '../outbox-types.ts'
import { plainJson } from './plain-json.ts'

/** The part of Web Locks that is used. */
export interface StoreLocks {
  request(name: string, options: { ifAvailable?: boolean }, callback: (lock: unknown) => unknown): Promise<unknown>
}

export interface BrowserStoreOptions<T> {
  /** Names the outbox; its keys begin with `msc:<name>:`. */
  readonly name: string
  /**
   * May anything be kept on this device? Asked at each use. Without consent nothing is written or read, and what earlier
   * lives left is deleted.
   */
  readonly consent: () => boolean
  /** Makes an item of what was stored; `undefined` when it is none. Other tabs may have other versions of the code. */
  readonly read: (value: unknown) => T | undefined
  /** Bytes kept at most; what is oldest is kept first. Default 512 KiB. */
  readonly maxBytes?: number
  /** Default: the page's `localStorage`. */
  readonly storage?: Storage | undefined
  /** Default: the page's Web Locks; `null` for none. */
  readonly locks?: StoreLocks | null | undefined
  readonly clock?: Clock
}

export interface BrowserStore<T> extends OutboxStore<T> {
  /** Deletes everything of this name, of all tabs: for when consent is withdrawn. */
  clear(): void
}

interface Life<T> {
  readonly options: BrowserStoreOptions<T>
  readonly prefix: string
  /** Of this life of this tab. */
  readonly key: string
  readonly clock: Clock
  /** The lock that tells other tabs that this one lives has been asked for. */
  locked: boolean
  /** What the outbox holds, as it said last. */
  held: readonly T[]
  /** Taken from other lives, and not handed to the outbox yet: stored with the rest, since the page may go meanwhile. */
  taken: readonly Taken<T>[]
}

const MAX_BYTES = 512 * 1024
const CLAIM = ':claim'
/** Where there are no locks, a tab that has written nothing for as long as this is taken for closed. */
const ABANDONED_AFTER_MS = 60_000
/** Two tabs that claim at once have both written by then, and both see who was last. */
const CLAIM_SETTLES_MS = 100

/**
 * Keeps what an outbox could not deliver in the browser's storage, for the next life of the page. Each life of a tab
 * has a key of its own. What a closed tab left is taken by exactly one other: by the Web Lock that each tab holds while
 * it lives, or by a claim with its time where there are no locks, as on pages without TLS.
 *
 * Nothing here throws: storage that is full, switched off or damaged keeps less, or nothing.
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
  // Node has a `localStorage` too, which would be shared by all visitors.
  if (typeof document === 'undefined') return undefined
  try {
    return localStorage
  } catch {
    // Switched off: the visitor's choice.
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
      // Full: others use this storage too. The older half is better than nothing.
      texts = texts.slice(0, Math.floor(texts.length / 2))
    }
  }
  remove(storage, key)
}

/** As many items as fit, the first ones first. */
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
    // A cycle or a BigInt: this item stays in memory only.
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

/** The oldest first. */
function itemsOf<T>(taken: readonly Taken<T>[]): (T | undefined)[] {
  return taken.toSorted((a, b) => a.at - b.at).flatMap(({ items }) => items)
}

/** Tells other tabs that this one lives, until it is closed: by a promise that never settles. */
function lock<T>(life: Life<T>): void {
  if (life.locked) return
  life.locked = true
  const locks = locksOf(life)
  if (locks) void ask(locks, life.key, {}, () => new Promise(() => {}))
}

/** A browser that refuses a lock, or throws, keeps less. */
async function ask(locks: StoreLocks, ...request: Parameters<StoreLocks['request']>): Promise<void> {
  try {
    await locks.request(...request)
  } catch {
    // A frame of an origin of its own, for one.
  }
}

/** The keys of all lives; another store's name may begin with ours. */
function keysOf<T>({ prefix }: Life<T>, storage: Storage): string[] {
  const keys: string[] = []
  try {
    for (let index = 0; index < storage.length; index++) {
      const key = storage.key(index)
      if (key?.startsWith(prefix) && /^[\da-f]{16}(?::claim)?$/.test(key.slice(prefix.length))) keys.push(key)
    }
  } catch {
    // Switched off while we looked.
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
  /** `undefined` for each that can't be read. */
  readonly items: readonly (T | undefined)[]
}

/** Takes what one key holds; the key goes, whatever was in it. What is no list at all counts as one that can't be read. */
function takeOne<T>({ options }: Life<T>, storage: Storage, key: string): Taken<T> {
  // It may have been withdrawn while the lock was waited for.
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
    // Switched off: nothing is kept there any more.
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

/** 0 for what has no time, which is long ago. */
function timeOf(value: object | undefined): number {
  const at = (value as { at?: unknown } | undefined)?.at
  return typeof at === 'number' ? at : 0
}
