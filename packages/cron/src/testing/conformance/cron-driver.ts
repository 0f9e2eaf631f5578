import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { createCron, type Cron } from '../../create-cron.ts'
import { defineCron } from '../../define-cron.ts'
import type { CronDriver } from '../../driver.ts'

export interface CronDriverSetup {
  readonly driver: CronDriver
  /** A request that the driver accepts. */
  readonly authorized: (url: string) => Request
}

/** The tests that every driver of `@msc/cron` must pass. `setUp` gets the clock that the driver must use. */
export function testCronDriver(
  name: string,
  setUp: (clock: ReturnType<typeof createManualClock>) => CronDriverSetup,
): void {
  describe(`cron driver: ${name}`, () => {
    let cron: Cron | undefined
    afterEach(() => cron?.close())

    function start(schedule = '*/10 * * * *') {
      const clock = createManualClock(Date.UTC(2026, 10, 1, 12, 0, 30))
      const { driver, authorized } = setUp(clock)
      const ran: number[] = []
      const job = defineCron({ name: 'job', schedule }, ({ scheduledAt }) => void ran.push(scheduledAt))
      cron = createCron({ crons: [job], driver, clock, onError: () => {} })
      cron.start()
      return { clock, driver, authorized, ran, cron }
    }
    const url = 'http://app.example/api/cron/job'

    it('declares version 1 of the contract and is healthy until it is closed', async () => {
      const { driver, cron: engine } = start()
      expect(driver.specificationVersion).toBe(1)
      expect((await engine.health()).status).toBe('ready')
      await engine.close()
      expect((await engine.health()).status).toBe('down')
    })

    it('runs each occurrence once, whether the driver ticks or the route is called', async () => {
      const { clock, driver, authorized, ran, cron: engine } = start()
      for (let i = 0; i < 3; i++) {
        await clock.advance(600_000)
        if (!driver.capabilities.selfDriven) {
          expect((await engine.handler(authorized(url), 'job')).status).toBe(200)
        }
      }
      expect(ran).toEqual([10, 20, 30].map((minute) => Date.UTC(2026, 10, 1, 12, minute)))
    })

    it('runs an occurrence once however often it is delivered', async () => {
      const { authorized, ran, cron: engine } = start('0 0 1 1 *')
      const outcomes = []
      for (let i = 0; i < 3; i++) outcomes.push(await (await engine.handler(authorized(url), 'job')).json())
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ok', 'skipped', 'skipped'])
      expect(ran).toHaveLength(1)
    })

    it.each([
      ['no secret', new Request(url)],
      ['an empty secret', new Request(url, { headers: { authorization: 'Bearer ' } })],
      ['a wrong secret', new Request(url, { headers: { authorization: 'Bearer wrong' } })],
      ['the word "undefined"', new Request(url, { headers: { authorization: 'Bearer undefined' } })],
    ])('answers 401 to %s, for any name, and runs nothing', async (_label, request) => {
      const { ran, cron: engine } = start()
      for (const each of ['job', 'unknown']) {
        const response = await engine.handler(request, each)
        expect(response.status).toBe(401)
        expect(response.headers.get('content-type')).toBe('application/problem+json')
        expect(await response.json()).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
      }
      expect(ran).toEqual([])
    })

    it('answers 404 for an unknown name and 405 for another method, once authorised', async () => {
      const { authorized, cron: engine } = start()
      expect((await engine.handler(authorized(url), 'unknown')).status).toBe(404)
      const post = new Request(authorized(url), { method: 'POST' })
      expect((await engine.handler(post, 'job')).status).toBe(405)
    })

    it('leaves no timer behind when closed', async () => {
      const { clock, cron: engine } = start()
      await engine.close()
      expect(clock.pending).toBe(0)
    })
  })
}
