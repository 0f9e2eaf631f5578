import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { measure, print } from './measure.ts'

/** What a hit costs beside the least that an asynchronous cache can cost. */
export async function benchCache(): Promise<void> {
  const map = new Map([['key', { id: 1, title: 'Night Drive' }]])
  const get = async (key: string): Promise<unknown> => map.get(key)
  const cache = createCache({ driver: memory() })
  const load = (): { id: number; title: string } => ({ id: 1, title: 'Night Drive' })
  await cache.cache('key', load, 3600)
  print(
    'A hit in memory, beside an awaited Map.get',
    await measure([
      {
        name: 'awaited Map.get',
        async run(n) {
          for (let i = 0; i < n; i++) await get('key')
        },
      },
      {
        name: 'cache()',
        async run(n) {
          for (let i = 0; i < n; i++) await cache.cache('key', load, 3600)
        },
      },
      {
        name: 'rateLimit()',
        async run(n) {
          for (let i = 0; i < n; i++) await cache.rateLimit('user', 1e9, 60)
        },
      },
    ]),
  )
  await cache.close()
}
