import { expect, it } from 'vitest'
import { runRealtimeChaos } from './feed-chaos.ts'

it('loses no row and tells none twice, whatever ends, restarts and overlaps', { timeout: 120_000 }, async () => {
  const seed = Math.floor(Math.random() * 1_000_000_000)
  const arrangements = process.env['MSC_SKIP_POSTGRES'] ? (['pglite'] as const) : (['two servers', 'pooled'] as const)
  // `npm run chaos -- realtime --minutes 3` is the whole of it.
  const { broken, ...sums } = await runRealtimeChaos({ minutes: 0.1, seed, arrangements, bulk: 3000 })
  console.log(sums)
  expect(broken).toEqual([])
  expect(sums.rows).toBeGreaterThan(0)
})
