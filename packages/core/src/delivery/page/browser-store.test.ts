import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../testing/index.ts'
import { createBrowserStore, type BrowserStoreOptions, type StoreLocks } from './browser-store.ts'

interface Item {
  readonly id: string
}

/** A storage with room for a number of characters, which is how browsers count. */
function memoryStorage(quota = Infinity): Storage & { readonly data: Map<string, string> } {
  const data = new Map<string, string>()
  const used = (): number => [...data].reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return {
    data,
    get length() {
      return data.size
    },
    key: (index) => [...data.keys()][index] ?? null,
    getItem: (key) => data.get(key) ?? null,
    removeItem: (key) => void data.delete(key),
    clear: () => data.clear(),
    setItem(key, value) {
      const before = data.get(key)
      data.set(key, value)
      if (used() <= quota) return
      if (before === undefined) data.delete(key)
      else data.set(key, before)
      throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')
    },
  }
}

/** The locks of a browser. Each tab has a view of its own, whose locks are released when the tab is closed. */
function browserLocks() {
  const holders = new Map<string, object>()
  return () => {
    const tab = {}
    const locks: StoreLocks = {
      async request(name, { ifAvailable }, callback) {
        if (holders.has(name)) return ifAvailable ? callback(null) : new Promise(() => {})
        holders.set(name, tab)
        try {
          return await callback({ name })
        } finally {
          holders.delete(name)
        }
      },
    }
    const close = (): void => {
      for (const [name, holder] of holders) if (holder === tab) holders.delete(name)
    }
    return { locks, close }
  }
}

const read = (value: unknown): Item | undefined => {
  const { id } = value as { id?: unknown }
  return typeof id === 'string' ? { id } : undefined
}
const items = (...ids: string[]): Item[] => ids.map((id) => ({ id }))
const storeOn = (storage: Storage, more: Partial<BrowserStoreOptions<Item>> = {}) =>
  createBrowserStore<Item>({ name: 'analytics', consent: () => true, read, storage, locks: null, ...more })

describe("an outbox's store in the browser", () => {
  it('returns the items to the next life of the page, once and in order', async () => {
    const storage = memoryStorage()
    const openTab = browserLocks()
    const first = openTab()
    const store = storeOn(storage, { locks: first.locks })
    expect(await store.take()).toEqual([])
    store.keep(items('a', 'b'))
    store.keep(items('b', 'c'))
    first.close()
    const [second, third] = [openTab(), openTab()]
    const stores = [second, third].map(({ locks }) => storeOn(storage, { locks }))
    const taken = await Promise.all(stores.map((one) => one.take()))
    expect(taken.flat()).toEqual(items('b', 'c'))
    for (const one of stores) one.keep([])
    expect(storage.data.size).toBe(0)
  })

  it('holds all items at every moment, even if the page is left during take()', async () => {
    const storage = memoryStorage()
    const clock = createManualClock()
    for (const id of ['a', 'b', 'c']) {
      storeOn(storage, { clock }).keep(items(id))
      await clock.advance(1)
    }
    await clock.advance(60_000)
    const store = storeOn(storage, { clock })
    const stored = (): unknown[] =>
      [...storage.data].flatMap(([key, text]) =>
        key.endsWith(':claim') ? [] : (JSON.parse(text) as { items: Item[] }).items.map(({ id }) => id),
      )
    const taking = store.take()
    for (let i = 0; i < 8; i++) {
      expect(stored().toSorted()).toEqual(i < 2 ? ['a', 'b', 'c'] : expect.arrayContaining(['a', 'b', 'c']))
      // The outbox stores what it holds, which does not include the items being taken yet.
      if (i === 2) store.keep(items('own'))
      await clock.advance(50)
    }
    expect(await taking).toEqual(items('a', 'b', 'c'))
    store.keep(items('own'))
    expect(stored()).toEqual(['own'])
  })

  it('takes nothing from a tab that is still open, even if that tab stored before it took', async () => {
    const storage = memoryStorage()
    const openTab = browserLocks()
    const [one, two] = [openTab(), openTab()]
    storeOn(storage, { locks: one.locks }).keep(items('a'))
    expect(await storeOn(storage, { locks: two.locks }).take()).toEqual([])
    one.close()
    expect(await storeOn(storage, { locks: two.locks }).take()).toEqual(items('a'))
  })

  it('without locks, gives the items of a tab that has been quiet for a while to one of two others', async () => {
    const storage = memoryStorage()
    const clock = createManualClock()
    storeOn(storage, { clock }).keep(items('a'))
    expect(await storeOn(storage, { clock }).take()).toEqual([])
    await clock.advance(60_000)
    const stores = [storeOn(storage, { clock }), storeOn(storage, { clock })]
    const both = Promise.all(stores.map((one) => one.take()))
    await clock.advance(200)
    expect((await both).flat()).toEqual(items('a'))
    for (const one of stores) one.keep([])
    expect(storage.data.size).toBe(0)
  })

  it('returns undefined for each unreadable item, and once for a text without a list', async () => {
    const storage = memoryStorage()
    const openTab = browserLocks()
    storage.setItem('msc:analytics:0000000000000001', '{"at":1,"items":[{"id":"a"},{"no":"id"},null,{"id":"b"}]}')
    storage.setItem('msc:analytics:0000000000000002', '{"at":2,"items":[{"id":"c"}')
    const taken = await storeOn(storage, { locks: openTab().locks }).take()
    expect(taken.filter((one) => one !== undefined)).toEqual(items('a', 'b'))
    expect(taken).toHaveLength(5)
  })

  it('is not affected by a toJSON that the page adds to arrays and objects', async () => {
    const storage = memoryStorage()
    const openTab = browserLocks()
    const first = openTab()
    const withList = (value: unknown) => value as Item
    const left = { id: 'a', list: [1, { two: 2 }] }
    const prototype = Object.prototype as { toJSON?: () => unknown }
    // oxlint-disable-next-line no-extend-native -- what scripts on pages do
    prototype.toJSON = () => 'text'
    try {
      storeOn(storage, { locks: first.locks, read: withList }).keep([left])
    } finally {
      delete prototype.toJSON
    }
    first.close()
    expect(await storeOn(storage, { locks: openTab().locks, read: withList }).take()).toEqual([left])
  })

  it('deletes its key when there is nothing left to keep', () => {
    const storage = memoryStorage()
    const store = storeOn(storage)
    store.keep(items('a'))
    store.keep([])
    expect(storage.data.size).toBe(0)
  })

  it('is bounded in bytes and keeps the oldest items', async () => {
    const storage = memoryStorage()
    const clock = createManualClock()
    storeOn(storage, { clock, maxBytes: 45 }).keep(items('é'.repeat(8), 'second', 'third'))
    await clock.advance(60_000)
    const next = storeOn(storage, { clock }).take()
    await clock.advance(100)
    expect(await next).toEqual(items('é'.repeat(8), 'second'))
  })

  it('keeps as much as fits when others have filled the storage', async () => {
    const storage = memoryStorage(160)
    const store = storeOn(storage)
    store.keep(Array.from({ length: 16 }, (_, index) => ({ id: `item ${index}` })))
    const [text = ''] = storage.data.values()
    expect((JSON.parse(text) as { items: Item[] }).items).toEqual(items('item 0', 'item 1', 'item 2', 'item 3'))
    const full = memoryStorage(10)
    storeOn(full).keep(items('a'))
    expect(full.data.size).toBe(0)
  })

  it('needs consent for each write and read', async () => {
    const storage = memoryStorage()
    const consent = { given: false }
    const openTab = browserLocks()
    const tab = openTab()
    const store = storeOn(storage, { consent: () => consent.given, locks: tab.locks })
    store.keep(items('a'))
    expect(storage.data.size).toBe(0)
    consent.given = true
    store.keep(items('a'))
    expect(storage.data.size).toBe(1)
    tab.close()
    expect(await storeOn(storage, { consent: () => false, locks: openTab().locks }).take()).toEqual([])
    consent.given = false
    store.keep(items('a', 'b'))
    expect(storage.data.size).toBe(0)
  })

  it('deletes items unread if consent is withdrawn during the wait for their lock', async () => {
    const storage = memoryStorage()
    let consent = true
    const openTab = browserLocks()
    const tab = openTab()
    storeOn(storage, { locks: tab.locks }).keep(items('a'))
    tab.close()
    const { locks } = openTab()
    const slow: StoreLocks = {
      async request(name, options, callback) {
        if (options.ifAvailable) consent = false
        return locks.request(name, options, callback)
      },
    }
    expect(await storeOn(storage, { consent: () => consent, locks: slow }).take()).toEqual([])
    expect(storage.data.size).toBe(0)
  })

  it('catches errors of the browser for a lock, and keeps less', async () => {
    const storage = memoryStorage()
    storeOn(storage).keep(items('a'))
    const locks: StoreLocks = {
      request() {
        throw new DOMException('The origin is opaque.', 'SecurityError')
      },
    }
    const store = storeOn(storage, { locks })
    expect(await store.take()).toEqual([])
    expect(() => store.keep(items('b'))).not.toThrow()
  })

  it('can be cleared for all tabs at once, without affecting other keys', () => {
    const storage = memoryStorage()
    storage.setItem('msc:analytics:theme', 'dark')
    storeOn(storage, { name: 'analytics:eu' }).keep(items('other'))
    storeOn(storage).keep(items('a'))
    const store = storeOn(storage)
    store.keep(items('b'))
    store.clear()
    expect(storage.data.size).toBe(2)
    expect(storage.data.get('msc:analytics:theme')).toBe('dark')
  })

  it.each([
    ['no JSON', '{"items":[', 1],
    ['no record', '7', 1],
    ['no items', '{"at":1,"items":"x"}', 1],
    ['unreadable items', '{"at":"x","items":[null,7,{"id":3}]}', 3],
  ])('deletes damaged data and returns undefined so that it is counted: %s', async (_, text, lost) => {
    const storage = memoryStorage()
    storage.setItem('msc:analytics:0123456789abcdef', text)
    expect(await storeOn(storage, { locks: browserLocks()().locks }).take()).toEqual(
      Array.from({ length: lost }, () => undefined),
    )
    expect(storage.data.size).toBe(0)
  })

  it('leaves out items that cannot be written', () => {
    const storage = memoryStorage()
    const cycle: { id: string; self?: unknown } = { id: 'cycle' }
    cycle.self = cycle
    storeOn(storage).keep([cycle, { id: 'a', count: 7n } as Item, { id: 'b' }])
    expect([...storage.data.values()][0]).toContain('[{"id":"b"}]')
  })

  it('keeps nothing if storage is disabled or there is no page', async () => {
    const off = new Proxy({} as Storage, {
      get() {
        throw new DOMException('Access is denied.', 'SecurityError')
      },
    })
    for (const store of [storeOn(off), createBrowserStore<Item>({ name: 'x', consent: () => true, read })]) {
      store.keep(items('a'))
      expect(await store.take()).toEqual([])
      store.clear()
    }
  })
})
