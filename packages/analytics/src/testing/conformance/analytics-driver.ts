import type { SendContext } from '@msc/core/delivery'
import { keptOpen } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAnalytics } from '../../create-analytics.ts'
import type { AnalyticsDriver } from '../../driver.ts'
import type { Message, MessageKind } from '../../messages.ts'
import { AT, sample, SAMPLES, track } from './samples.ts'

/** An envelope as the backend stored it. */
export interface ReceivedMessage {
  readonly id: string
  /** The subject's `distinctId`, or else its anonymous id. */
  readonly who: string
  readonly at: number
  readonly message: Message
}

export interface AnalyticsDriverSetup {
  readonly driver: AnalyticsDriver
  /** The messages that the backend has received, in order, each id once. */
  readonly received: () => readonly ReceivedMessage[]
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  /** Makes the backend refuse every request that contains this text, as invalid. */
  readonly refuseContent?: (text: string | undefined) => void
  readonly close: () => Promise<void>
}

/** The backend under test, and what it has received since the last `mark`. */
interface Suite {
  readonly setup: AnalyticsDriverSetup
  readonly context: SendContext
  mark(): void
  since(): readonly ReceivedMessage[]
}

/** The tests that every driver of `@msc/analytics` must pass. */
export function testAnalyticsDriver(name: string, setUp: () => Promise<AnalyticsDriverSetup>): void {
  describe(`analytics driver: ${name}`, () => {
    let setup: AnalyticsDriverSetup
    let from = 0
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())
    const suite: Suite = {
      get setup() {
        return setup
      },
      context: { signal: new AbortController().signal, urgency: 'background' },
      mark() {
        from = setup.received().length
      },
      since: () => setup.received().slice(from),
    }

    testDeclaration(suite)
    testSending(suite)
    testFailures(suite)
    testEngine(suite)
    // Last, since it closes the driver.
    testClosing(suite)
  })
}

function testDeclaration(suite: Suite): void {
  it('declares version 1 of the contract, and its health check records nothing', async () => {
    expect(suite.setup.driver.specificationVersion).toBe(1)
    expect(suite.setup.driver.name).toEqual(expect.stringMatching(/^\S+$/))
    suite.mark()
    await suite.setup.driver.health(suite.context.signal)
    expect(suite.since()).toEqual([])
  })

  it('declares its kinds and its limits', () => {
    const { kinds, limits } = suite.setup.driver.capabilities
    expect(kinds).toContain('track')
    expect(limits.maxItems).toBeGreaterThanOrEqual(1)
    expect(limits.maxItemBytes).toBeGreaterThanOrEqual(100_000)
    expect(limits.maxBytes).toBeGreaterThanOrEqual(limits.maxItemBytes)
  })
}

function testSending(suite: Suite): void {
  it.each(Object.keys(SAMPLES) as MessageKind[])('carries every field of a message of kind %s', async (kind) => {
    if (!suite.setup.driver.capabilities.kinds.includes(kind)) return
    suite.mark()
    const [subject, message] = SAMPLES[kind]
    const envelope = sample({ subject, message })
    const receipt = await suite.setup.driver.send([envelope], suite.context)
    expect(receipt.rejected ?? []).toEqual([])
    const who = subject.distinctId ?? subject.anonymousId
    expect(suite.since()).toEqual([{ id: envelope.id, who, at: AT, message }])
  })

  it('carries an event without properties, and names that every object inherits', async () => {
    suite.mark()
    const properties = JSON.parse('{"__proto__":1,"constructor":"x","toString":null}') as Record<string, null>
    const bare = sample({ message: { kind: 'track', event: 'constructor', properties: {} } })
    const odd = sample({ message: { kind: 'track', event: '__proto__', properties } })
    await suite.setup.driver.send([bare, odd], suite.context)
    const [first, second] = suite.since().map(({ message }) => message as Extract<Message, { kind: 'track' }>)
    expect(first).toEqual({ kind: 'track', event: 'constructor', properties: {} })
    expect(Object.entries(second?.properties ?? {})).toEqual(Object.entries(properties))
  })

  it('delivers a batch completely and in order, and a repeated item only once', async () => {
    suite.mark()
    const { maxItems } = suite.setup.driver.capabilities.limits
    const envelopes = Array.from({ length: Math.min(100, maxItems) }, (_, i) => sample({ message: track(`e${i}`) }))
    await suite.setup.driver.send(envelopes, suite.context)
    await suite.setup.driver.send(envelopes.slice(0, 3), suite.context)
    expect(suite.since().map(({ id }) => id)).toEqual(envelopes.map(({ id }) => id))
  })

  it('delivers before `sendSync` returns, if it has that method', () => {
    if (!suite.setup.driver.sendSync) return
    suite.mark()
    const envelope = sample({})
    suite.setup.driver.sendSync([envelope])
    expect(suite.since()).toMatchObject([{ id: envelope.id }])
  })
}

function testFailures(suite: Suite): void {
  it('reports a message as delivered only if it was, also when its time is up', async () => {
    suite.mark()
    const late = { signal: AbortSignal.abort(new Error('too late')), urgency: 'background' } as const
    const one = sample({})
    const receipt = await suite.setup.driver.send([one], late).catch(() => undefined)
    const isClaimed = receipt !== undefined && !receipt.rejected?.some(({ id }) => id === one.id)
    if (isClaimed) expect(suite.since().some(({ id }) => id === one.id)).toBe(true)
  })

  it('rejects with a retryable error while the backend is away, and does not resend by itself', async () => {
    if (!suite.setup.breakBackend || !suite.setup.mendBackend) return
    suite.mark()
    suite.setup.breakBackend()
    await expect(suite.setup.driver.send([sample({})], suite.context)).rejects.toMatchObject({
      name: 'DriverError',
      retryable: true,
    })
    await expect(suite.setup.driver.health(suite.context.signal)).rejects.toMatchObject({
      name: 'DriverError',
      retryable: true,
    })
    suite.setup.mendBackend()
    const envelope = sample({})
    await suite.setup.driver.send([envelope], suite.context)
    expect(suite.since()).toMatchObject([{ id: envelope.id }])
  })

  it('loses only the event that the backend refuses, and counts it', async () => {
    if (!suite.setup.refuseContent) return
    suite.mark()
    suite.setup.refuseContent('poison')
    const drops: unknown[] = []
    const analytics = engine(suite.setup, { onDrop: (drop) => drops.push(drop) })
    for (let i = 0; i < 60; i++) void analytics.track('u', i === 37 ? 'poison' : `e${i}`)
    await analytics.close()
    suite.setup.refuseContent(undefined)
    expect(suite.since()).toHaveLength(59)
    expect(analytics.stats()).toEqual({ accepted: 60, delivered: 59, dropped: 1, queued: 0, inFlight: 0 })
    expect(drops).toMatchObject([{ reason: 'refused', kind: 'track', count: 1, driver: suite.setup.driver.name }])
  })
}

function testEngine(suite: Suite): void {
  it('receives events and identifications from the engine, redacted', async () => {
    suite.mark()
    const analytics = engine(suite.setup)
    await analytics.track('user-3', 'signed_in', { password: 'night-drive', method: 'email', tokens: 1500 })
    await analytics.identify('user-3', { role: 'artist' })
    await analytics.close()
    expect(suite.since().map(({ message }) => message)).toEqual([
      {
        kind: 'track',
        event: 'signed_in',
        properties: { password: '[redacted]', method: 'email', tokens: 1500 },
      },
      { kind: 'identify', set: { role: 'artist' } },
    ])
  })
}

function testClosing(suite: Suite): void {
  it('can be closed twice, and rejects `send` and `health` afterwards', async () => {
    await suite.setup.driver.close()
    await expect(suite.setup.driver.close()).resolves.toBeUndefined()
    await expect(suite.setup.driver.health(suite.context.signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    await expect(suite.setup.driver.send([sample({})], suite.context)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
  })
}

function engine(
  { driver }: AnalyticsDriverSetup,
  options: Partial<Parameters<typeof createAnalytics>[0]> = {},
): ReturnType<typeof createAnalytics> {
  return createAnalytics({ driver: keptOpen(driver), onError: () => undefined, ...options })
}
