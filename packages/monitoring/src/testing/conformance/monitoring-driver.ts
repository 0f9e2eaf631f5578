import { withScope } from '@msc/core'
import { keptOpen } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMonitoring } from '../../create-monitoring.ts'
import type { MonitoringDriver } from '../../driver.ts'
import { parseStack } from '../../event/frames.ts'
import type { ErrorSignal, MessageSignal } from '../../signals.ts'

/** What a backend made of an event. */
export interface ReceivedEvent {
  readonly id: string
  /** Of the error that was caught, or the message. */
  readonly message: string
  readonly level?: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly traceId?: string | undefined
  readonly userId?: string | undefined
  readonly breadcrumbs: readonly string[]
}

export interface MonitoringDriverSetup {
  readonly driver: MonitoringDriver
  /** What the backend has received, in order, each id once. */
  readonly received: () => readonly ReceivedEvent[]
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  readonly close: () => Promise<void>
}

/** What every driver of `@msc/monitoring` promises. */
export function testMonitoringDriver(name: string, setUp: () => Promise<MonitoringDriverSetup>): void {
  describe(`monitoring driver: ${name}`, () => {
    const { signal } = new AbortController()
    const context = { signal, urgency: 'background' } as const
    let setup: MonitoringDriverSetup
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())

    it('declares version 1 of the contract and answers a health check without recording anything', async () => {
      expect(setup.driver.specificationVersion).toBe(1)
      expect(setup.driver.name).toEqual(expect.stringMatching(/^\S+$/))
      const before = setup.received().length
      await setup.driver.health(signal)
      expect(setup.received()).toHaveLength(before)
    })

    it('delivers an error whole: message, tags, user, trace and breadcrumbs', async () => {
      const event = sample()
      await setup.driver.send([event], context)
      expect(setup.received().at(-1)).toEqual({
        id: event.id,
        message: 'it broke',
        level: 'error',
        tags: { operation: 'upload' },
        traceId: event.traceId,
        userId: 'user-1',
        breadcrumbs: ['opened the page', 'pressed upload'],
      })
    })

    it('delivers a message, and an event with next to nothing in it', async () => {
      const bare: MessageSignal = {
        kind: 'message',
        id: newId(),
        timestamp: Date.now(),
        level: 'info',
        message: 'hello',
        tags: {},
        extra: {},
        fingerprint: '0123456789abcdef',
        fingerprintChosen: false,
        breadcrumbs: [],
      }
      await setup.driver.send([bare], context)
      expect(setup.received().at(-1)).toMatchObject({ id: bare.id, message: 'hello', level: 'info', breadcrumbs: [] })
    })

    it('delivers a batch of 50, and one that is sent again only once', async () => {
      const events = Array.from({ length: 50 }, () => sample())
      await setup.driver.send(events.slice(0, 20), context)
      await setup.driver.send(events.slice(20), context)
      const before = setup.received().length
      if (setup.breakBackend) await setup.driver.send(events.slice(0, 1), context)
      expect(setup.received()).toHaveLength(before)
      const ids = new Set(setup.received().map(({ id }) => id))
      expect(events.every(({ id }) => ids.has(id))).toBe(true)
    })

    it('says how much it takes at once, and answers a delivery with a receipt', async () => {
      const { kinds, limits } = setup.driver.capabilities
      expect(kinds).toContain('error')
      expect(limits.maxItems).toBeGreaterThanOrEqual(1)
      expect(limits.maxItemBytes).toBeGreaterThanOrEqual(100_000)
      expect(limits.maxBytes).toBeGreaterThanOrEqual(limits.maxItemBytes)
      expect((await setup.driver.send([sample()], context)).rejected ?? []).toEqual([])
    })

    it('says of an event that it was delivered only if it was, also once there is no time', async () => {
      const late = { signal: AbortSignal.abort(new Error('too late')), urgency: 'background' } as const
      const one = sample()
      const receipt = await setup.driver.send([one], late).catch(() => undefined)
      const isClaimed = receipt !== undefined && !receipt.rejected?.some(({ id }) => id === one.id)
      if (isClaimed) expect(setup.received().some(({ id }) => id === one.id)).toBe(true)
    })

    it('writes last words before it returns, where it can', () => {
      const event = sample()
      if (!setup.driver.sendSync) return
      setup.driver.sendSync([event])
      expect(setup.received().at(-1)).toMatchObject({ id: event.id })
    })

    it('rejects with a retryable error while the backend is away, and works when it is back', async () => {
      if (!setup.breakBackend || !setup.mendBackend) return
      const before = setup.received().length
      setup.breakBackend()
      await expect(setup.driver.send([sample()], context)).rejects.toMatchObject({
        name: 'DriverError',
        retryable: true,
      })
      await expect(setup.driver.health(signal)).rejects.toMatchObject({ name: 'DriverError', retryable: true })
      setup.mendBackend()
      const event = sample()
      await setup.driver.send([event], context)
      expect(setup.received().slice(before)).toMatchObject([{ id: event.id }])
    })

    it('works behind the engine: captured, redacted, flushed', async () => {
      const monitoring = createMonitoring({ driver: keptOpen(setup.driver) })
      const id = withScope(() => {
        monitoring.setUser({ id: 'user-9' })
        monitoring.addBreadcrumb('before it', 'test')
        return monitoring.captureException(new Error('call Bearer abcdefghijklmnop failed'), { tags: { token: 'abc' } })
      })
      await monitoring.flush()
      expect(setup.received().at(-1)).toMatchObject({
        id,
        message: 'call Bearer [redacted] failed',
        tags: { token: '[redacted]' },
        userId: 'user-9',
        breadcrumbs: ['before it'],
      })
      await monitoring.close()
    })

    it('can be closed twice, and refuses to send and to be well after that', async () => {
      await setup.driver.close()
      await expect(setup.driver.close()).resolves.toBeUndefined()
      await expect(setup.driver.health(signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
      await expect(setup.driver.send([sample()], context)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    })
  })
}

const newId = (): string => crypto.randomUUID().replaceAll('-', '')

function sample(): ErrorSignal {
  const { stack = '' } = new TypeError('it broke')
  return {
    id: newId(),
    kind: 'error',
    timestamp: Date.now(),
    level: 'error',
    message: 'it broke',
    errors: [{ id: 0, name: 'TypeError', message: 'it broke', stack, frames: parseStack(stack) }],
    handled: true,
    tags: { operation: 'upload' },
    extra: { size: 3 },
    user: { id: 'user-1' },
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    fingerprint: '0123456789abcdef',
    fingerprintChosen: false,
    breadcrumbs: [
      { timestamp: 1, category: 'navigation', message: 'opened the page', level: 'info' },
      { timestamp: 2, category: 'ui.click', message: 'pressed upload', level: 'info', data: { button: 'upload' } },
    ],
  }
}
