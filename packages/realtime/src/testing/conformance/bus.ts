import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RealtimeBus } from '../../bus/bus.ts'

export interface BusSetup {
  /** A bus of its own to the same backend, as another process would have. */
  create(): RealtimeBus
  /** Takes the backend away from all of them, and brings it back. Where it can't be done, that is not looked at. */
  readonly outage?: { begin(): Promise<void> | void; end(): Promise<void> | void }
  close?(): Promise<void>
}

/** What every bus of `@msc/realtime` promises. */
export function testRealtimeBus(name: string, setUp: () => Promise<BusSetup>): void {
  describe(`realtime bus: ${name}`, () => {
    let setup: BusSetup
    const buses: RealtimeBus[] = []
    // One backend for all tests of it: what one leaves behind would be another's trouble in production too.
    beforeAll(async () => {
      setup = await setUp()
    }, 60_000)
    afterAll(() => setup.close?.())
    afterEach(async () => {
      for (const bus of buses.splice(0)) await bus.close()
    })
    interface Ear {
      readonly bus: RealtimeBus
      readonly heard: string[]
      gaps: number
      errors: number
    }
    const open = async (): Promise<Ear> => {
      const bus = setup.create()
      buses.push(bus)
      const ear: Ear = { bus, heard: [], gaps: 0, errors: 0 }
      await bus.start({
        onMessage: (text) => ear.heard.push(text),
        onGap: () => (ear.gaps += 1),
        onError: () => (ear.errors += 1),
      })
      return ear
    }
    const signal = (): AbortSignal => AbortSignal.timeout(5000)

    it('brings every text to all others, once and in the order of its sender', async () => {
      const [one, two, three] = await Promise.all([open(), open(), open()])
      const send = async ({ bus }: Ear, of: string): Promise<void> => {
        for (let n = 0; n < 50; n++) await bus.send(`${of} ${n}`, signal())
      }
      await Promise.all([send(one, 'one'), send(two, 'two')])
      const of = (ear: Ear, sender: string): string[] => ear.heard.filter((text) => text.startsWith(`${sender} `))
      const all = (sender: string): string[] => Array.from({ length: 50 }, (_, n) => `${sender} ${n}`)
      await expect.poll(() => of(three, 'one')).toEqual(all('one'))
      await expect.poll(() => of(three, 'two')).toEqual(all('two'))
      await expect.poll(() => of(two, 'one')).toEqual(all('one'))
      await expect.poll(() => of(one, 'two')).toEqual(all('two'))
      expect(three.gaps).toBe(0)
    })

    it('carries any text, as large as a message may be', async () => {
      const [one, two] = await Promise.all([open(), open()])
      const texts = [
        '',
        "'; drop table items; --",
        '{"a":"\\u0000\\n"}',
        'Å🎵'.repeat(60_000),
        'x'.repeat(7500),
        'last',
      ]
      for (const text of texts) await one.bus.send(text, signal())
      await expect.poll(() => two.heard.length, { timeout: 5000 }).toBe(texts.length)
      expect(two.heard).toEqual(texts)
    })

    it('sends without hearing', async () => {
      const ear = await open()
      const sender = setup.create()
      buses.push(sender)
      await sender.send('from a worker', signal())
      await expect.poll(() => ear.heard).toEqual(['from a worker'])
    })

    it('is healthy while its backend is', async () => {
      const { bus } = await open()
      await bus.health(signal())
    })

    it('hears nothing and sends nothing once it is closed', async () => {
      const [one, two, three] = await Promise.all([open(), open(), open()])
      await two.bus.close()
      await two.bus.close()
      await one.bus.send('after', signal())
      await expect.poll(() => three.heard).toEqual(['after'])
      expect(two.heard).toEqual([])
      await expect(two.bus.send('never', signal())).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    })

    it('says that texts may have been missed once it hears again', async ({ skip }) => {
      if (!setup.outage) skip()
      const [one, two] = await Promise.all([open(), open()])
      await setup.outage?.begin()
      await expect.poll(() => two.errors, { timeout: 15_000 }).toBeGreaterThan(0)
      await expect(one.bus.send('lost', signal())).rejects.toMatchObject({ retryable: true })
      expect(two.gaps).toBe(0)
      await setup.outage?.end()
      await expect.poll(() => two.gaps, { timeout: 15_000 }).toBe(1)
      await one.bus.send('heard', signal())
      await expect.poll(() => two.heard).toEqual(['heard'])
    }, 40_000)
  })
}
