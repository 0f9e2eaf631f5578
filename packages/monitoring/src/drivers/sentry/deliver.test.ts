import { onLeaving } from '@msc/core/delivery'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createMonitoring } from '../../create-monitoring.ts'
import type { MonitoringDriver } from '../../driver.ts'
import { sentryBrowser } from '../sentry-browser.ts'
import { sentry } from '../sentry.ts'
import type { SentryOptions } from './deliver.ts'

const dsn = 'https://key@sentry.example/1'
const drivers: readonly [string, (options: SentryOptions) => MonitoringDriver][] = [
  ['sentry', sentry],
  ['sentry-browser', sentryBrowser],
]

/** Answers each event after `latencyMs`, unless the request was aborted, and counts the answers to each. */
function slowSentry(clock: ManualClock, latencyMs: number, hangs = (_message?: string): boolean => false) {
  const answered = new Map<string | undefined, number>()
  const fetch = (_url: unknown, init?: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { message } = JSON.parse(String(init?.body).split('\n')[2] as string) as { message?: string }
      const cancel = hangs(message)
        ? () => {}
        : clock.setTimeout(() => {
            answered.set(message, (answered.get(message) ?? 0) + 1)
            resolve(new Response('{}'))
          }, latencyMs)
      init?.signal?.addEventListener('abort', () => {
        cancel()
        reject(init.signal?.reason as Error)
      })
    })
  return { answered, fetch: fetch as typeof globalThis.fetch }
}

function setUp(
  make: (options: SentryOptions) => MonitoringDriver,
  latencyMs: number,
  hangs?: (message?: string) => boolean,
) {
  const clock = createManualClock()
  const { answered, fetch } = slowSentry(clock, latencyMs, hangs)
  const monitoring = createMonitoring({
    driver: make({ dsn, fetch, clock }),
    clock,
    random: () => 0.5,
    telemetry: false,
    onError: () => undefined,
  })
  return { clock, answered, monitoring }
}

describe.each(drivers)('%s with slow answers', (_name, make) => {
  it.each([
    [100, 400, 8000],
    [60, 200, 2000],
    [100, 900, 600_000],
  ])(
    'counts each of %i events that was answered once, at %i ms each within %i ms',
    async (count, latencyMs, budgetMs) => {
      const { clock, answered, monitoring } = setUp(make, latencyMs)
      for (let n = 0; n < count; n++) monitoring.captureMessage(`slow ${n}`)
      const closed = monitoring.close({ timeoutMs: budgetMs })
      await clock.advance(budgetMs)
      await closed
      expect([...answered.values()].every((times) => times === 1)).toBe(true)
      expect(monitoring.stats()).toMatchObject({ delivered: answered.size, dropped: count - answered.size })
      // Six at a time in the time available; the end of each try is lost to requests that did not finish.
      expect(answered.size).toBeGreaterThanOrEqual(Math.min(count, 6 * Math.floor((budgetMs * 0.75) / latencyMs)))
    },
  )

  it('drops only the event that is never answered, and delivers all others meanwhile', async () => {
    const { clock, answered, monitoring } = setUp(make, 50, (message) => message === 'slow 3')
    for (let n = 0; n < 40; n++) monitoring.captureMessage(`slow ${n}`)
    await clock.advance(7000)
    expect(monitoring.stats()).toMatchObject({ delivered: 39 })
    for (let turn = 0; turn < 12; turn++) {
      monitoring.captureMessage(`later ${turn}`)
      await clock.advance(60_000)
    }
    expect(monitoring.stats()).toMatchObject({ dropped: 1, queued: 0, inFlight: 0 })
    const events = [...answered].filter(([message]) => message !== undefined)
    expect(events.map(([, times]) => times)).toEqual(Array.from({ length: 51 }, () => 1))
    await monitoring.close()
  })
})

describe('sentry-browser, when the page is left', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('sends all events for which there is room in requests that outlive the page, before it is gone', () => {
    const page = new EventTarget()
    vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }))
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    const requests: boolean[] = []
    const fetch = (_url: unknown, init?: RequestInit): Promise<Response> => {
      requests.push(init?.keepalive === true)
      return new Promise(() => {})
    }
    const clock = createManualClock()
    const driver = sentryBrowser({ dsn, fetch: fetch as typeof globalThis.fetch, clock })
    const monitoring = createMonitoring({ driver, clock, telemetry: false, onError: () => undefined })
    onLeaving(() => monitoring.leave(1000))
    for (let n = 0; n < 12; n++) monitoring.captureMessage(`m${n}`)
    page.dispatchEvent(new Event('pagehide'))
    expect([requests.length, requests.filter(Boolean).length]).toEqual([12, 9])
  })
})
