import { sleep } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cache } from '../cache.ts'
import { createCache } from '../create-cache.ts'
import { memory } from '../drivers/memory.ts'
import { redis } from '../drivers/redis.ts'
import { chaos, startRedis, type RunningRedis } from '../testing/index.ts'
import { createIsrCacheHandler, createUseCacheHandler, type NextCacheEntry } from './index.ts'

const clock = createManualClock()
const entry = (text: string, overrides: Partial<NextCacheEntry> = {}): NextCacheEntry => ({
  value: new Response(text).body as ReadableStream<Uint8Array>,
  tags: ['releases'],
  stale: 300,
  timestamp: clock.now(),
  expire: 3600,
  revalidate: 900,
  ...overrides,
})
const textOf = async (found: NextCacheEntry | undefined): Promise<string | undefined> =>
  found && new Response(found.value as unknown as ReadableStream).text()

describe('use cache', () => {
  const setUp = () => {
    const cache = createCache({ driver: memory({ clock }), clock })
    return { cache, handler: createUseCacheHandler({ cache, now: clock.now, maxBytes: 1000 }) }
  }

  it('gives an entry back as it was, with a new stream each time', async () => {
    const { handler } = setUp()
    await handler.set('k', Promise.resolve(entry('ノート 🎵')))
    for (let i = 0; i < 2; i++) {
      const found = await handler.get('k', [])
      expect(found).toMatchObject({ tags: ['releases'], stale: 300, expire: 3600, revalidate: 900 })
      expect(await textOf(found)).toBe('ノート 🎵')
    }
    expect(await handler.get('other', [])).toBeUndefined()
  })

  it('counts the reads of entries, and none of the tags that it looks up for them', async () => {
    const { cache, handler } = setUp()
    await handler.set('k', Promise.resolve(entry('text', { tags: ['a', 'b', 'c'] })))
    for (let i = 0; i < 20; i++) await handler.get('k', ['route', 'layout'])
    await handler.updateTags(['a'], {})
    expect(cache.stats()).toMatchObject({ hits: 20, misses: 0, hitRate: 1 })
  })

  it('waits for an entry that is still being written', async () => {
    const { handler } = setUp()
    let write!: (chunk: Uint8Array | undefined) => void
    const value = new ReadableStream<Uint8Array>({
      start(controller) {
        write = (chunk) => (chunk ? controller.enqueue(chunk) : controller.close())
      },
    })
    const setting = handler.set('k', Promise.resolve(entry('', { value })))
    const getting = handler.get('k', [])
    write(new TextEncoder().encode('late'))
    write(undefined)
    await setting
    expect(await textOf(await getting)).toBe('late')
  })

  it('keeps nothing that fails, is cut off, too long, or expires at once', async () => {
    const { handler } = setUp()
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(3))
        controller.error(new Error('cut off'))
      },
    })
    await handler.set('failed', Promise.reject(new Error('render failed')))
    await handler.set('broken', Promise.resolve(entry('', { value: broken })))
    await handler.set('long', Promise.resolve(entry('x'.repeat(1001))))
    await handler.set('dynamic', Promise.resolve(entry('x', { expire: 0 })))
    for (const key of ['failed', 'broken', 'long', 'dynamic']) expect(await handler.get(key, []), key).toBeUndefined()
  })

  it('serves no entry that is older than a revalidation of a tag of its own, or of its route', async () => {
    const { handler } = setUp()
    for (const tags of [['releases'], ['_N_T_/releases']]) {
      await handler.set('k', Promise.resolve(entry('old')))
      await clock.advance(10)
      await handler.updateTags(tags)
      expect(await handler.get('k', ['_N_T_/releases'])).toBeUndefined()
      await clock.advance(10)
      await handler.set('k', Promise.resolve(entry('new')))
      expect(await textOf(await handler.get('k', ['_N_T_/releases']))).toBe('new')
    }
  })

  it('serves a stale one once more, until it is expired', async () => {
    const { handler } = setUp()
    await handler.set('k', Promise.resolve(entry('old')))
    await clock.advance(10)
    await handler.updateTags(['releases'], { expire: 60 })
    expect(await handler.get('k', [])).toMatchObject({ revalidate: -1 })
    await clock.advance(60_001)
    expect(await handler.get('k', [])).toBeUndefined()
  })

  it('has Next.js hand it the soft tags', async () => {
    expect(await setUp().handler.getExpiration(['a'])).toBe(Infinity)
  })
})

describe('the incremental cache', () => {
  const setUp = (build = 'b1', cache: Cache = createCache({ driver: memory({ clock }), clock })) => {
    const Handler = createIsrCacheHandler(() => cache, clock.now)
    return {
      cache,
      handler: new Handler({ serverDistDir: '/app/.next/server', fs: { readFile: async () => `${build}\n` } }),
    }
  }
  const page = {
    kind: 'APP_PAGE',
    html: '<p>ノート</p>',
    rscData: Buffer.from('rsc'),
    headers: { 'x-next-cache-tags': 'releases,_N_T_/releases' },
    postponed: undefined,
    status: 200,
    segmentData: new Map([['/_tree', Buffer.from('tree')]]),
  }

  it('gives a page back with its buffers', async () => {
    const { handler } = setUp()
    await handler.set('/releases', page, { cacheControl: { expire: 3600 } })
    const found = await handler.get('/releases')
    expect(found?.value).toEqual(page)
    expect(Buffer.isBuffer(found?.value?.['rscData'])).toBe(true)
    expect(String((found?.value?.['segmentData'] as Map<string, Buffer> | undefined)?.get('/_tree'))).toBe('tree')
    expect(found?.lastModified).toBe(clock.now())
    await handler.set('/gone', null)
    expect((await handler.get('/gone'))?.value).toBeNull()
  })

  it('keeps builds apart', async () => {
    const { cache, handler } = setUp()
    await handler.set('/releases', page)
    expect(await setUp('b2', cache).handler.get('/releases')).toBeNull()
  })

  it('drops what carries a revalidated tag: in a header, of a fetch, or of its route', async () => {
    const { handler } = setUp()
    const fetched = { kind: 'FETCH', data: { body: '1' }, revalidate: 60 }
    await handler.set('/releases', page)
    await handler.set('fetch', fetched, { tags: ['rates'] })
    await clock.advance(10)
    await handler.revalidateTag('releases')
    expect(await handler.get('/releases')).toBeNull()
    expect((await handler.get('fetch', { tags: ['rates'], softTags: ['_N_T_/'] }))?.value).toEqual(fetched)
    await handler.revalidateTag(['_N_T_/'])
    expect(await handler.get('fetch', { tags: ['rates'], softTags: ['_N_T_/'] })).toBeNull()
  })
})

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe

describeWithRedis('two instances', () => {
  let server: RunningRedis
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.close())

  it('see each other’s entries and revalidations', async () => {
    const caches = [1, 2].map(() => createCache({ driver: redis({ url: `redis://127.0.0.1:${server.port}` }) }))
    const [a, b] = caches.map((cache) => createUseCacheHandler({ cache })) as [
      ReturnType<typeof createUseCacheHandler>,
      ReturnType<typeof createUseCacheHandler>,
    ]
    await a.set('k', Promise.resolve(entry('made by a', { timestamp: Date.now() })))
    expect(await textOf(await b.get('k', []))).toBe('made by a')
    await sleep(5)
    await b.updateTags(['releases'])
    expect(await a.get('k', [])).toBeUndefined()
    await Promise.all(caches.map((cache) => cache.close()))
  })

  it('serves nothing whose tags it can not see, and says when a revalidation did not get through', async () => {
    const driver = chaos(redis({ url: `redis://127.0.0.1:${server.port}` }))
    const cache = createCache({ driver, local: true, onError: () => {} })
    const handler = createUseCacheHandler({ cache })
    await handler.set('k', Promise.resolve(entry('old', { timestamp: Date.now() })))
    driver.setChaos({ refuse: 1, random: () => 0 })
    expect(await handler.get('k', [])).toBeUndefined()
    await expect(handler.updateTags(['releases'])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await cache.close()
  })
})
