import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FlagValue } from '../../analytics.ts'
import type { FlagSource } from '../../driver.ts'

export interface FlagSourceSetup {
  readonly source: FlagSource
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  readonly close: () => Promise<void>
}

/** The flags that the source of `setUp` must evaluate to these values for everybody. */
export const conformanceFlags: Readonly<Record<string, FlagValue>> = {
  'new-dashboard': true,
  'old-dashboard': false,
  checkout: 'express',
}

/** The tests that every flag source must pass. */
export function testFlagSource(name: string, setUp: () => Promise<FlagSourceSetup>): void {
  describe(`flag source: ${name}`, () => {
    const { signal } = new AbortController()
    const context = { subject: { distinctId: 'user-1' }, properties: { plan: 'pro' } }
    let setup: FlagSourceSetup
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())

    it('evaluates all flags, each with its reason', async () => {
      expect(setup.source.specificationVersion).toBe(1)
      const found = await setup.source.evaluate('all', context, signal)
      expect(new Map([...found].map(([key, { value }]) => [key, value]))).toEqual(
        new Map(Object.entries(conformanceFlags)),
      )
      for (const { reason } of found.values()) expect(reason).toMatch(/^[a-z_]+$/)
      expect(found.get('checkout')?.variant).toBe('express')
    })

    it('evaluates only the requested flags, and leaves out unknown ones', async () => {
      const keys = ['checkout', 'no-such-flag', 'constructor', '__proto__']
      const found = await setup.source.evaluate(keys, context, signal)
      expect([...found.keys()]).toEqual(['checkout'])
    })

    it('rejects while the backend is away, and works when it is back', async () => {
      if (!setup.breakBackend || !setup.mendBackend) return
      setup.breakBackend()
      await expect(setup.source.evaluate('all', context, signal)).rejects.toMatchObject({ retryable: true })
      await expect(setup.source.health(signal)).rejects.toMatchObject({ retryable: true })
      setup.mendBackend()
      await setup.source.health(signal)
      expect((await setup.source.evaluate(['checkout'], context, signal)).size).toBe(1)
    })

    it('rejects evaluation after close', async () => {
      await setup.source.close()
      await expect(setup.source.evaluate('all', context, signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    })
  })
}
