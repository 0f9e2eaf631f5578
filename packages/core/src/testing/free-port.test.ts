import { afterEach, expect, it, vi } from 'vitest'
import { freePort } from './free-port.ts'

afterEach(() => void vi.unstubAllEnvs())

it('gives each worker ports that no other gets, and none twice', async () => {
  const portsOf = async (worker: string): Promise<number[]> => {
    vi.stubEnv('VITEST_POOL_ID', worker)
    const ports: number[] = []
    for (let n = 0; n < 100; n++) ports.push(await freePort())
    return ports
  }
  const [first, second] = [await portsOf('1'), await portsOf('2')]
  expect(new Set([...first, ...second]).size).toBe(200)
  expect(new Set(first.map((port) => port % 16))).not.toEqual(new Set(second.map((port) => port % 16)))
  for (const ports of [first, second]) expect(new Set(ports.map((port) => port % 16)).size).toBe(1)
  expect(Math.max(...first, ...second)).toBeLessThan(32_768)
})
