import { expect, it } from 'vitest'
import { runAnalyticsChaos } from './delivery-chaos.ts'

it('keeps the law of conservation through random outages of each driver, and loses nothing but poison', async () => {
  const seed = Number(process.env['MSC_SEED'] ?? Date.now() % 1_000_000)
  console.log(`MSC_SEED=${seed}`)
  const { broken, scripts } = await runAnalyticsChaos({ scripts: 25, seed })
  expect(scripts).toBe(100)
  expect(broken).toEqual([])
}, 60_000)
