import { createCache } from '@msc/cache'
let stored
const driver = {
  specificationVersion: 1,
  name: 'fake',
  capabilities: { shared: true },
  get: async () => stored,
  set: async (k, v) => {
    stored = v
  },
  delete: async () => 1,
  increment: async () => ({ value: 1, ttlMs: 1 }),
  scan: async () => ({ keys: [] }),
  health: async () => {},
  close: async () => {},
}
const cache = createCache({ driver, namespace: 'bench' })
const load = () => ({ id: 1, title: 'Night Drive' })
await cache.cache('track', load, 3600)
for (let r = 0; r < 8; r++) {
  const t = performance.now()
  for (let i = 0; i < 20000; i++) await driver.get()
  const a = performance.now()
  for (let i = 0; i < 20000; i++) await cache.cache('track', load, 3600)
  console.log('raw', ((a - t) / 20).toFixed(2), 'ours us', ((performance.now() - a) / 20).toFixed(2))
}
