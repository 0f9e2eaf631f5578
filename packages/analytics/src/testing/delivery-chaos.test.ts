import { expect, it } from 'vitest'
import { runAnalyticsChaos } from './delivery-chaos.ts'

it('counts every event through random outages of each driver, and loses only poisoned ones', async () => {
  const seed = Number(process.env['MSC_SEED'] ?? Date.now() % 1_000_000)
  console.log(`MSC_SEED=${seed}`)
  const { broken, scripts } = await runAnalyticsChaos({ scripts: 25, seed })
  expect(scripts).toBe(100)
  expect(broken).toEqual([])
}, 60_000)
