import { expect, it } from 'vitest'
import { runMonitoringChaos } from './delivery-chaos.ts'

it('counts every event through random outages of each driver, and loses only events that are refused', async () => {
  const seed = Number(process.env['MSC_SEED'] ?? Date.now() % 1_000_000)
  console.log(`MSC_SEED=${seed}`)
  const { broken, scripts } = await runMonitoringChaos({ scripts: 25, seed })
  expect(scripts).toBe(75)
  expect(broken).toEqual([])
}, 60_000)
