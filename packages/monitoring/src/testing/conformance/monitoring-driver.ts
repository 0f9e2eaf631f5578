import { withScope } from '@msc/core'
import type { SendContext } from '@msc/core/delivery'
import { keptOpen } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMonitoring } from '../../create-monitoring.ts'
import type { MonitoringDriver } from '../../driver.ts'
import { parseStack } from '../../event/frames.ts'
import type { ErrorSignal, MessageSignal } from '../../signals.ts'

/** An event as the backend received it. */
export interface ReceivedEvent {
  readonly id: string
  /** The message of the error, or the message itself. */
  readonly message: string
  readonly level?: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly traceId?: string | undefined
  readonly userId?: string | undefined
  readonly breadcrumbs: readonly string[]
}

export interface MonitoringDriverSetup {
  readonly driver: MonitoringDriver
  /** Returns the events that the backend has received, in order, each id once. */
  readonly received: () => readonly ReceivedEvent[]
  /** Makes the backend fail until `mendBackend`. Absent if the driver has no backend that can fail. */
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  readonly close: () => Promise<void>
}

/** Runs the tests that every driver of `@msc/monitoring` must pass. */
export function testMonitoringDriver(name: string, setUp: () => Promise<MonitoringDriverSetup>): void {
  describe(`monitoring driver: ${name}`, () => {
    let setup: MonitoringDriverSetup
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())
    const suite: Suite = {
      get setup() {
        return setup
      },
      context: { signal: new AbortController().signal, urgency: 'background' },
    }

    testContract(suite)
    testDelivery(suite)
    testOutages(suite)
    // Last, because it closes the driver.
    testLifecycle(suite)
  })
}

/** The backend under test, which is set up before the first test runs, and a context for deliveries. */
interface Suite {
  readonly setup: MonitoringDriverSetup
  readonly context: SendContext
}

/** Checks the declared contract, the receipt and the health check. */
function testContract(suite: Suite): void {
  it('declares version 1 of the contract and answers a health check without recording anything', async () => {
    const { driver, received } = suite.setup
    expect(driver.specificationVersion).toBe(1)
    expect(driver.name).toEqual(expect.stringMatching(/^\S+$/))
    const before = received().length
    await driver.health(suite.context.signal)
    expect(received()).toHaveLength(before)
  })

  it('declares the limits of one call, and answers a delivery with a receipt', async () => {
    const { driver } = suite.setup
    const { kinds, limits } = driver.capabilities
    expect(kinds).toContain('error')
    expect(limits.maxItems).toBeGreaterThanOrEqual(1)
    expect(limits.maxItemBytes).toBeGreaterThanOrEqual(100_000)
    expect(limits.maxBytes).toBeGreaterThanOrEqual(limits.maxItemBytes)
    expect((await driver.send([sample()], suite.context)).rejected ?? []).toEqual([])
  })
}

/** Checks that events arrive complete, once, and in batches. */
function testDelivery(suite: Suite): void {
  it('delivers a complete error: message, tags, user, trace and breadcrumbs', async () => {
    const { driver, received } = suite.setup
    const event = sample()
    await driver.send([event], suite.context)
    expect(received().at(-1)).toEqual({
      id: event.id,
      message: 'it broke',
      level: 'error',
      tags: { operation: 'upload' },
      traceId: event.traceId,
      userId: 'user-1',
      breadcrumbs: ['opened the page', 'pressed upload'],
    })
  })

  it('delivers a message, with only the required fields', async () => {
    const { driver, received } = suite.setup
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
    await driver.send([bare], suite.context)
    expect(received().at(-1)).toMatchObject({
      id: bare.id,
      message: 'hello',
      level: 'info',
      breadcrumbs: [],
    })
  })

  it('delivers a batch of 50, and stores an event that is sent twice only once', async () => {
    const { driver, received, breakBackend } = suite.setup
    const events = Array.from({ length: 50 }, () => sample())
    await driver.send(events.slice(0, 20), suite.context)
    await driver.send(events.slice(20), suite.context)
    const before = received().length
    if (breakBackend) await driver.send(events.slice(0, 1), suite.context)
    expect(received()).toHaveLength(before)
    const ids = new Set(received().map(({ id }) => id))
    expect(events.every(({ id }) => ids.has(id))).toBe(true)
  })
}

/** Checks the behaviour during outages, after aborts and as the process ends. */
function testOutages(suite: Suite): void {
  it('reports an event as delivered only if it was, even after the signal has aborted', async () => {
    const { driver, received } = suite.setup
    const late = { signal: AbortSignal.abort(new Error('too late')), urgency: 'background' } as const
    const one = sample()
    const receipt = await driver.send([one], late).catch(() => undefined)
    const isClaimed = receipt !== undefined && !receipt.rejected?.some(({ id }) => id === one.id)
    if (isClaimed) expect(received().some(({ id }) => id === one.id)).toBe(true)
  })

  it('writes last words before it returns, if it supports them', () => {
    const { driver, received } = suite.setup
    const event = sample()
    if (!driver.sendSync) return
    driver.sendSync([event])
    expect(received().at(-1)).toMatchObject({ id: event.id })
  })

  it('rejects with a retryable error during an outage, and works again afterwards', async () => {
    const { driver, received, breakBackend, mendBackend } = suite.setup
    if (!breakBackend || !mendBackend) return
    const before = received().length
    breakBackend()
    await expect(driver.send([sample()], suite.context)).rejects.toMatchObject({
      name: 'DriverError',
      retryable: true,
    })
    await expect(driver.health(suite.context.signal)).rejects.toMatchObject({
      name: 'DriverError',
      retryable: true,
    })
    mendBackend()
    const event = sample()
    await driver.send([event], suite.context)
    expect(received().slice(before)).toMatchObject([{ id: event.id }])
  })
}

/** Checks the driver behind the engine, and its close. */
function testLifecycle(suite: Suite): void {
  it('works behind the engine: captured, redacted, flushed', async () => {
    const { driver, received } = suite.setup
    const monitoring = createMonitoring({ driver: keptOpen(driver) })
    const id = withScope(() => {
      monitoring.setUser({ id: 'user-9' })
      monitoring.addBreadcrumb('before it', 'test')
      return monitoring.captureException(new Error('call Bearer abcdefghijklmnop failed'), { tags: { token: 'abc' } })
    })
    await monitoring.flush()
    expect(received().at(-1)).toMatchObject({
      id,
      message: 'call Bearer [redacted] failed',
      tags: { token: '[redacted]' },
      userId: 'user-9',
      breadcrumbs: ['before it'],
    })
    await monitoring.close()
  })

  it('can be closed twice, and afterwards rejects deliveries and health checks', async () => {
    const { driver } = suite.setup
    await driver.close()
    await expect(driver.close()).resolves.toBeUndefined()
    await expect(driver.health(suite.context.signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    await expect(driver.send([sample()], suite.context)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
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
