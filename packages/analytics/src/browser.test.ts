import { setErrorReporter, slotKey } from '@msc/core'
import { afterEach, describe, expect, it } from 'vitest'
import {
  getFeatureFlag,
  identifyUser,
  initAnalytics,
  initPostHog,
  isFeatureEnabled,
  resetUser,
  setUserProperties,
  startRecording,
  stopRecording,
  trackEvent,
  trackPageView,
} from './browser.ts'
import type { BrowserEngine } from './browser/engine.ts'
import type { AnalyticsDriver } from './driver.ts'
import { ALL_KINDS } from './drivers/kinds.ts'
import type { Envelope } from './messages.ts'
import { openFakePage, type FakePage } from './testing/fake-page.ts'

let page: FakePage | undefined
afterEach(() => {
  page?.close()
  page = undefined
})

function keeping() {
  const sent: Envelope[] = []
  const driver: AnalyticsDriver = {
    specificationVersion: 1,
    name: 'kept',
    capabilities: { kinds: ALL_KINDS, limits: { maxItems: 100, maxBytes: 1e6, maxItemBytes: 1e6 } },
    async send(envelopes) {
      sent.push(...envelopes)
      return {}
    },
    health: async () => undefined,
    close: async () => undefined,
    // Like a browser's driver: pending envelopes are sent at once when the page is left.
    leavingMaxBytes: () => 60_000,
  }
  return { sent, driver }
}

describe('while a server renders', () => {
  it('keeps nothing of any visitor: no flag, no call, no person', () => {
    const { driver } = keeping()
    initAnalytics({ flags: { admin: true }, load: async () => ({ driver }) })
    trackEvent('e', {})
    identifyUser('ana')
    setUserProperties({ role: 'artist' })
    resetUser()
    expect(() => trackPageView()).not.toThrow()
    expect(getFeatureFlag('admin')).toBe(false)
    expect(startRecording()).toBe(false)
    expect(stopRecording()).toBe(false)
    const globals = globalThis as Record<symbol, unknown>
    expect(globals[slotKey('analytics/browser-state')]).toBeUndefined()
    expect(globals[slotKey('analytics/browser')]).toMatchObject({ waiting: [] })
  })
})

describe('in a page', () => {
  it('keeps calls with their time and address until the engine has loaded, and makes them in order', async () => {
    page = openFakePage()
    const { sent, driver } = keeping()
    const from = Date.now()
    trackEvent('before', { a: 1 })
    initAnalytics({ load: async () => ({ driver }) })
    identifyUser('ana', { role: 'artist' })
    trackPageView('/releases/1')
    await expect.poll(() => engineIsThere()).toBe(true)
    page.hide()
    await expect.poll(() => sent.length).toBe(3)
    expect(sent.map(({ message }) => message.kind)).toEqual(['track', 'identify', 'page'])
    expect(sent[0]?.at).toBeGreaterThanOrEqual(from)
    expect(sent[0]?.page).toMatchObject({ url: 'https://app.example/releases', referrer: 'https://mail.example/read' })
    expect(sent[2]).toMatchObject({
      message: { kind: 'page', path: '/releases/1' },
      page: { url: 'https://app.example/releases/1' },
    })
  })

  it('names a page view after its path, and one with only a query after the current page', async () => {
    page = openFakePage()
    const { sent, driver } = keeping()
    initAnalytics({ load: async () => ({ driver }) })
    for (const path of ['?q=1', '#top', '', '/search?q=1']) trackPageView(path)
    await expect.poll(() => engineIsThere()).toBe(true)
    page.hide()
    await expect.poll(() => sent.length).toBe(4)
    const pathOf = ({ message }: (typeof sent)[number]): unknown => message.kind === 'page' && message.path
    expect(sent.map(pathOf)).toEqual(['/releases', '/releases', '/releases', '/search'])
  })

  it('has the server’s flags at once, exposes each once, and ignores names that every object inherits', async () => {
    page = openFakePage()
    const { sent, driver } = keeping()
    initAnalytics({ flags: { banner: 'blue', off: false }, load: async () => ({ driver }) })
    for (let i = 0; i < 5; i++) expect(getFeatureFlag('banner')).toBe('blue')
    for (const name of ['constructor', 'toString', '__proto__', 'unknown']) {
      expect(isFeatureEnabled(name)).toBe(false)
    }
    await expect.poll(() => engineIsThere()).toBe(true)
    expect(getFeatureFlag('banner')).toBe('blue')
    expect(isFeatureEnabled('constructor')).toBe(false)
    page.hide()
    await expect.poll(() => sent.length).toBe(1)
    expect(sent[0]?.message).toEqual({
      kind: 'exposure',
      flag: 'banner',
      evaluation: { value: 'blue', reason: 'static' },
    })
  })

  it('shows nobody another person’s flags, before the engine has loaded or after', async () => {
    page = openFakePage()
    const { driver } = keeping()
    const flags = { vip: true }
    initAnalytics({ flags, load: async () => ({ driver }) })
    identifyUser('alice')
    expect(isFeatureEnabled('vip')).toBe(true)
    identifyUser('alice')
    expect(isFeatureEnabled('vip')).toBe(true)
    identifyUser('bob')
    expect(isFeatureEnabled('vip')).toBe(false)
    await expect.poll(() => engineIsThere()).toBe(true)
    expect(isFeatureEnabled('vip')).toBe(false)
  })

  it('keeps an identification however many calls are waiting', async () => {
    page = openFakePage()
    const { sent, driver } = keeping()
    initAnalytics({ load: async () => ({ driver }) })
    identifyUser('alice')
    for (let i = 0; i < 120; i++) trackEvent('click', { i })
    resetUser()
    identifyUser('bob')
    await expect.poll(() => engineIsThere()).toBe(true)
    trackEvent('paid', {})
    page.hide()
    await expect.poll(() => sent.some(({ message }) => message.kind === 'track' && message.event === 'paid')).toBe(true)
    const people = new Map(
      sent.map(({ message, subject }) => [message.kind === 'track' ? message.event : message.kind, subject.distinctId]),
    )
    expect([people.get('click'), people.get('paid')]).toEqual(['alice', 'bob'])
  })

  it('never throws, whatever the arguments are', async () => {
    const said: string[] = []
    const restore = setErrorReporter((error) => said.push((error as Error & { code: string }).code))
    page = openFakePage()
    const { driver, sent } = keeping()
    initAnalytics({ load: async () => ({ driver }) })
    const hostile = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('no')
        },
      },
    )
    const call = (): void => {
      for (const value of [hostile, null, undefined, 10n, 'text'] as never[]) {
        trackEvent('e', value)
        trackEvent(value, {})
        identifyUser('ana', value)
        setUserProperties(value)
      }
      identifyUser(undefined as never)
    }
    expect(call).not.toThrow()
    await expect.poll(() => engineIsThere()).toBe(true)
    expect(call).not.toThrow()
    trackEvent('last')
    page.hide()
    await expect.poll(() => sent.at(-1)?.message).toMatchObject({ event: 'last' })
    restore()
    expect(new Set(said)).toEqual(new Set(['ANALYTICS_NAME_INVALID', 'ANALYTICS_SUBJECT_INVALID']))
  })

  it('keeps a request to record until the recorder has loaded', async () => {
    page = openFakePage()
    const { driver } = keeping()
    const calls: string[] = []
    const recorder = {
      start: async () => void calls.push('start'),
      stop: () => void calls.push('stop'),
      identify: () => undefined,
    }
    expect(startRecording()).toBe(false)
    initAnalytics({ load: async () => ({ driver, recorder }) })
    expect(startRecording()).toBe(true)
    await expect.poll(() => calls).toEqual(['start'])
    expect(stopRecording()).toBe(true)
    expect(calls).toEqual(['start', 'stop'])
  })

  it('retries when its code could not be loaded, and reports it', async () => {
    page = openFakePage()
    const said: string[] = []
    const restore = setErrorReporter((error, { operation }) => said.push(`${operation}: ${error.message}`))
    const { driver } = keeping()
    let attempts = 0
    const config = {
      load: async () => {
        attempts += 1
        if (attempts === 1) throw new TypeError('Failed to fetch')
        return { driver }
      },
    }
    initAnalytics(config)
    await expect.poll(() => attempts).toBe(1)
    await expect
      .poll(() => {
        initAnalytics(config)
        return engineIsThere()
      })
      .toBe(true)
    restore()
    expect(said).toEqual(['load: Failed to fetch'])
  })

  it('counts the calls that it had no room for', async () => {
    page = openFakePage()
    const { driver, sent } = keeping()
    for (let i = 0; i < 130; i++) trackEvent(`e${i}`)
    initAnalytics({ load: async () => ({ driver }) })
    await expect.poll(() => engineIsThere()).toBe(true)
    const { stats } = engine().analytics
    expect(stats()).toMatchObject({ accepted: 130, dropped: 30 })
    page.hide()
    await expect.poll(() => sent.length).toBe(100)
  })
})

function engine(): BrowserEngine {
  const slot = (globalThis as Record<symbol, unknown>)[slotKey('analytics/browser')] as { engine: BrowserEngine }
  return slot.engine
}

function engineIsThere(): boolean {
  const slot = (globalThis as Record<symbol, unknown>)[slotKey('analytics/browser')] as { engine?: unknown } | undefined
  return slot?.engine !== undefined
}

it('also starts under the name initPostHog', () => {
  expect(initPostHog).toBe(initAnalytics)
})
