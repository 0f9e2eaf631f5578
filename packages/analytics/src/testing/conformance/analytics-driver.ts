import { keptOpen } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FlagValue } from '../../analytics.ts'
import { createAnalytics } from '../../create-analytics.ts'
import type { AnalyticsDriver, FlagSource } from '../../driver.ts'
import type { Envelope, Message, MessageKind, Subject } from '../../messages.ts'

/** What a backend made of an envelope, read back from it. */
export interface ReceivedMessage {
  readonly id: string
  /** `distinctId`, or the anonymous id where there is none. */
  readonly who: string
  readonly at: number
  readonly message: Message
}

export interface AnalyticsDriverSetup {
  readonly driver: AnalyticsDriver
  /** What the backend has received, in order, each id once. */
  readonly received: () => readonly ReceivedMessage[]
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  /** Makes the backend refuse every request that contains this text, as invalid. */
  readonly refuseContent?: (text: string | undefined) => void
  readonly close: () => Promise<void>
}

const AT = 1_750_000_000_000
const SUBJECT: Subject = { distinctId: 'user-1' }

/** One message of each kind, with all that it can say. */
const SAMPLES: { readonly [Kind in MessageKind]: readonly [Subject, Extract<Message, { kind: Kind }>] } = {
  track: [
    SUBJECT,
    {
      kind: 'track',
      event: 'release_created',
      properties: { title: 'Night Drive', tracks: 3, live: true, nested: { a: [1, null, 'é'] } },
    },
  ],
  identify: [
    { distinctId: 'user-1', anonymousId: 'visitor-1' },
    { kind: 'identify', set: { role: 'artist' }, setOnce: { signed_up: '2026-01-01' }, unset: ['trial'] },
  ],
  alias: [SUBJECT, { kind: 'alias', alias: 'old-1' }],
  group: [SUBJECT, { kind: 'group', type: 'company', groupKey: 'msc', set: { plan: 'pro' } }],
  page: [{ anonymousId: 'visitor-2' }, { kind: 'page', path: '/releases', title: 'Releases' }],
  exposure: [
    SUBJECT,
    { kind: 'exposure', flag: 'checkout', evaluation: { value: 'express', reason: 'split', version: '3' } },
  ],
  ai: [
    SUBJECT,
    {
      kind: 'ai',
      operation: 'generation',
      model: 'gpt-4',
      provider: 'openai',
      usage: { input: 1000, output: 500, total: 1500, cacheRead: 200, cacheWrite: 10, reasoning: 50 },
      latencyMs: 2000,
      failed: true,
      error: 'timeout',
    },
  ],
}

/** What every driver of `@msc/analytics` promises. */
export function testAnalyticsDriver(name: string, setUp: () => Promise<AnalyticsDriverSetup>): void {
  describe(`analytics driver: ${name}`, () => {
    const { signal } = new AbortController()
    const context = { signal, urgency: 'background' } as const
    let setup: AnalyticsDriverSetup
    let from = 0
    const since = (): readonly ReceivedMessage[] => setup.received().slice(from)
    const mark = (): void => {
      from = setup.received().length
    }
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())

    it('declares version 1 of the contract and answers a health check without recording anything', async () => {
      expect(setup.driver.specificationVersion).toBe(1)
      expect(setup.driver.name).toEqual(expect.stringMatching(/^\S+$/))
      mark()
      await setup.driver.health(signal)
      expect(since()).toEqual([])
    })

    it('says how much it takes at once', () => {
      const { kinds, limits } = setup.driver.capabilities
      expect(kinds).toContain('track')
      expect(limits.maxItems).toBeGreaterThanOrEqual(1)
      expect(limits.maxItemBytes).toBeGreaterThanOrEqual(100_000)
      expect(limits.maxBytes).toBeGreaterThanOrEqual(limits.maxItemBytes)
    })

    it('says of a message that it was delivered only if it was, also once there is no time', async () => {
      mark()
      const late = { signal: AbortSignal.abort(new Error('too late')), urgency: 'background' } as const
      const one = sample({})
      const receipt = await setup.driver.send([one], late).catch(() => undefined)
      const isClaimed = receipt !== undefined && !receipt.rejected?.some(({ id }) => id === one.id)
      if (isClaimed) expect(since().some(({ id }) => id === one.id)).toBe(true)
    })

    it.each(Object.keys(SAMPLES) as MessageKind[])('carries what a message of kind %s says', async (kind) => {
      if (!setup.driver.capabilities.kinds.includes(kind)) return
      mark()
      const [subject, message] = SAMPLES[kind]
      const envelope = sample({ subject, message })
      const receipt = await setup.driver.send([envelope], context)
      expect(receipt.rejected ?? []).toEqual([])
      const who = subject.distinctId ?? subject.anonymousId
      expect(since()).toEqual([{ id: envelope.id, who, at: AT, message }])
    })

    it('carries an event with next to nothing in it, and one with names that objects have by themselves', async () => {
      mark()
      const properties = JSON.parse('{"__proto__":1,"constructor":"x","toString":null}') as Record<string, null>
      const bare = sample({ message: { kind: 'track', event: 'constructor', properties: {} } })
      const odd = sample({ message: { kind: 'track', event: '__proto__', properties } })
      await setup.driver.send([bare, odd], context)
      const [first, second] = since().map(({ message }) => message as Extract<Message, { kind: 'track' }>)
      expect(first).toEqual({ kind: 'track', event: 'constructor', properties: {} })
      expect(Object.entries(second?.properties ?? {})).toEqual(Object.entries(properties))
    })

    it('delivers a batch whole and in order, and what is given to it again only once', async () => {
      mark()
      const { maxItems } = setup.driver.capabilities.limits
      const envelopes = Array.from({ length: Math.min(100, maxItems) }, (_, i) => sample({ message: track(`e${i}`) }))
      await setup.driver.send(envelopes, context)
      await setup.driver.send(envelopes.slice(0, 3), context)
      expect(since().map(({ id }) => id)).toEqual(envelopes.map(({ id }) => id))
    })

    it('writes last words before it returns, where it can', () => {
      if (!setup.driver.sendSync) return
      mark()
      const envelope = sample({})
      setup.driver.sendSync([envelope])
      expect(since()).toMatchObject([{ id: envelope.id }])
    })

    it('rejects with a retryable error while the backend is away, and keeps nothing back', async () => {
      if (!setup.breakBackend || !setup.mendBackend) return
      mark()
      setup.breakBackend()
      await expect(setup.driver.send([sample({})], context)).rejects.toMatchObject({
        name: 'DriverError',
        retryable: true,
      })
      await expect(setup.driver.health(signal)).rejects.toMatchObject({ name: 'DriverError', retryable: true })
      setup.mendBackend()
      const envelope = sample({})
      await setup.driver.send([envelope], context)
      expect(since()).toMatchObject([{ id: envelope.id }])
    })

    it('loses exactly the event that the backend refuses, and counts it', async () => {
      if (!setup.refuseContent) return
      mark()
      setup.refuseContent('poison')
      const drops: unknown[] = []
      const analytics = engine(setup, { onDrop: (drop) => drops.push(drop) })
      for (let i = 0; i < 60; i++) void analytics.track('u', i === 37 ? 'poison' : `e${i}`)
      await analytics.close()
      setup.refuseContent(undefined)
      expect(since()).toHaveLength(59)
      expect(analytics.stats()).toEqual({ accepted: 60, delivered: 59, dropped: 1, queued: 0, inFlight: 0 })
      expect(drops).toMatchObject([{ reason: 'refused', kind: 'track', count: 1, driver: setup.driver.name }])
    })

    it('works behind the engine: tracked, redacted, identified, flushed', async () => {
      mark()
      const analytics = engine(setup)
      await analytics.track('user-3', 'signed_in', { password: 'night-drive', method: 'email', tokens: 1500 })
      await analytics.identify('user-3', { role: 'artist' })
      await analytics.close()
      expect(since().map(({ message }) => message)).toEqual([
        {
          kind: 'track',
          event: 'signed_in',
          properties: { password: '[redacted]', method: 'email', tokens: 1500 },
        },
        { kind: 'identify', set: { role: 'artist' } },
      ])
    })

    it('can be closed twice, and refuses to send and to be well after that', async () => {
      await setup.driver.close()
      await expect(setup.driver.close()).resolves.toBeUndefined()
      await expect(setup.driver.health(signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
      await expect(setup.driver.send([sample({})], context)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    })
  })
}

function engine(
  { driver }: AnalyticsDriverSetup,
  options: Partial<Parameters<typeof createAnalytics>[0]> = {},
): ReturnType<typeof createAnalytics> {
  return createAnalytics({ driver: keptOpen(driver), onError: () => undefined, ...options })
}

const track = (event: string): Message => ({ kind: 'track', event, properties: {} })

function sample(rest: Partial<Envelope>): Envelope {
  return { id: crypto.randomUUID(), at: AT, subject: SUBJECT, source: 'server', message: track('sample'), ...rest }
}

export interface FlagSourceSetup {
  readonly source: FlagSource
  readonly breakBackend?: () => void
  readonly mendBackend?: () => void
  readonly close: () => Promise<void>
}

/** Flags that `setUp` must give to everybody. */
export const conformanceFlags: Readonly<Record<string, FlagValue>> = {
  'new-dashboard': true,
  'old-dashboard': false,
  checkout: 'express',
}

/** What every source of flags promises. */
export function testFlagSource(name: string, setUp: () => Promise<FlagSourceSetup>): void {
  describe(`flag source: ${name}`, () => {
    const { signal } = new AbortController()
    const context = { subject: { distinctId: 'user-1' }, properties: { plan: 'pro' } }
    let setup: FlagSourceSetup
    beforeAll(async () => {
      setup = await setUp()
    })
    afterAll(() => setup.close())

    it('evaluates all flags, and says of each why', async () => {
      expect(setup.source.specificationVersion).toBe(1)
      const found = await setup.source.evaluate('all', context, signal)
      expect(new Map([...found].map(([key, { value }]) => [key, value]))).toEqual(
        new Map(Object.entries(conformanceFlags)),
      )
      for (const { reason } of found.values()) expect(reason).toMatch(/^[a-z_]+$/)
      expect(found.get('checkout')?.variant).toBe('express')
    })

    it('evaluates those that are asked for, and leaves out what does not exist', async () => {
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

    it('refuses to evaluate after close', async () => {
      await setup.source.close()
      await expect(setup.source.evaluate('all', context, signal)).rejects.toMatchObject({ code: 'DRIVER_CLOSED' })
    })
  })
}
