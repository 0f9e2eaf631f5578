import { expect, it } from 'vitest'
import { runRealtimeFuzz } from './run-fuzz.ts'

it('whatever strangers send, the server goes on and two users hear each other', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  const { broken, scripts, exchanged } = await runRealtimeFuzz({ scripts: 15_000, seed: 7 })
  process.off('unhandledRejection', note)
  expect(broken).toEqual([])
  expect(unhandled).toEqual([])
  expect(scripts).toBeGreaterThanOrEqual(15_000)
  expect(exchanged).toBeGreaterThan(5)
})
