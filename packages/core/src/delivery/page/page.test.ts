import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { slotKey } from '../../slot.ts'
import { createManualClock } from '../../testing/index.ts'
import { createOutbox } from '../outbox.ts'
import { createPageFetch, keepaliveRoom, onLeaving } from './page.ts'

/** A fake page with the parts that are used: events and visibility. */
function openPage() {
  const window = new EventTarget()
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  const see = (visibilityState: string): void => {
    document.visibilityState = visibilityState
    document.dispatchEvent(new Event('visibilitychange'))
  }
  return {
    hide: () => see('hidden'),
    show: () => see('visible'),
    fire: (name: string) => window.dispatchEvent(new Event(name)),
  }
}

/** A fetch whose answers the test controls. */
function recordingFetch() {
  const requests: { keepalive: boolean; body: unknown; answer: () => void; fail: () => void }[] = []
  const fetch = vi.fn(
    (_: unknown, init?: RequestInit) =>
      new Promise<Response>((resolve, reject) => {
        const answer = (): void => resolve(new Response())
        const fail = (): void => reject(new TypeError('Failed to fetch'))
        requests.push({ keepalive: init?.keepalive === true, body: init?.body, answer, fail })
      }),
  )
  return { requests, fetch: fetch as unknown as typeof globalThis.fetch }
}

const reset = (): void => {
  delete (globalThis as Record<symbol, unknown>)[slotKey('core/page')]
  vi.unstubAllGlobals()
}
beforeEach(reset)
afterEach(reset)

describe('leaving a page', () => {
  it('calls back once each time, whichever event comes first', () => {
    const page = openPage()
    let left = 0
    const stop = onLeaving(() => (left += 1))
    page.hide()
    page.fire('pagehide')
    expect(left).toBe(1)
    page.show()
    page.fire('pagehide')
    expect(left).toBe(2)
    page.fire('pageshow')
    page.hide()
    expect(left).toBe(3)
    stop()
    page.show()
    page.hide()
    expect(left).toBe(3)
  })

  it('calls all callbacks even if one fails', () => {
    const page = openPage()
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    let left = 0
    onLeaving(() => {
      throw new Error('no')
    })
    onLeaving(() => Promise.reject(new Error('no')))
    onLeaving(() => (left += 1))
    page.hide()
    expect(left).toBe(1)
    said.mockRestore()
  })

  it('never happens while rendering on a server', async () => {
    onLeaving(() => expect.unreachable())()
    expect(keepaliveRoom()).toBe(0)
    const { requests, fetch } = recordingFetch()
    void createPageFetch({ fetch })('https://msc.example', { method: 'POST', body: 'x' })
    expect(requests[0]).toMatchObject({ keepalive: false })
    expect(Object.getOwnPropertySymbols(globalThis)).not.toContain(slotKey('core/page'))
  })
})

describe("a page's fetch", () => {
  const post = (fetch: typeof globalThis.fetch, body: BodyInit) =>
    createPageFetch({ fetch })('https://msc.example', { method: 'POST', body }).then(
      () => 'answered',
      () => 'failed',
    )

  it('is plain until the page is left', () => {
    openPage()
    const { requests, fetch } = recordingFetch()
    for (let i = 0; i < 50; i++) void post(fetch, 'x'.repeat(15_000))
    expect(requests.map(({ keepalive }) => keepalive)).toEqual(Array(50).fill(false))
  })

  it("outlives the page within the browser's limit in UTF-8 bytes for all senders together", async () => {
    const page = openPage()
    const { requests, fetch } = recordingFetch()
    void post(fetch, 'early')
    page.hide()
    const first = post(fetch, 'é'.repeat(15_000))
    const second = post(fetch, 'x'.repeat(31_440))
    void post(fetch, 'x')
    expect(requests.map(({ keepalive }) => keepalive)).toEqual([false, true, true, false])
    expect(keepaliveRoom()).toBe(0)
    requests[1]?.answer()
    requests[2]?.fail()
    expect([await first, await second]).toEqual(['answered', 'failed'])
    expect(keepaliveRoom()).toBe(53_760)
    void post(fetch, new Uint8Array(61_440))
    expect(requests[4]).toMatchObject({ keepalive: true })
  })

  it('outlives the page for nine concurrent requests', () => {
    const page = openPage()
    const { requests, fetch } = recordingFetch()
    onLeaving(() => {
      for (let i = 0; i < 12; i++) void post(fetch, 'x')
    })
    page.hide()
    expect(requests.filter(({ keepalive }) => keepalive)).toHaveLength(9)
    expect(requests).toHaveLength(12)
    expect(keepaliveRoom()).toBe(0)
  })

  it('is plain for a body of unknown size', () => {
    const page = openPage()
    const { requests, fetch } = recordingFetch()
    onLeaving(() => void post(fetch, new FormData()))
    page.hide()
    expect(requests[0]).toMatchObject({ keepalive: false })
  })
})

it('sends the first queued items of a page that is left in one request that survives it', async () => {
  const page = openPage()
  const { requests, fetch } = recordingFetch()
  const send = createPageFetch({ fetch })
  const clock = createManualClock()
  const outbox = createOutbox<string>({
    concern: 'analytics',
    driver: 'browser',
    label: (item) => ({ id: item, kind: 'track', bytes: 5000 }),
    send: async (batch) => {
      await send('/ingest', { method: 'POST', body: batch.map((item) => item.padEnd(5000)).join('') })
      return {}
    },
    limits: { maxItems: 100, maxBytes: 1e6, maxItemBytes: 1e5 },
    leavingMaxBytes: keepaliveRoom,
    maxQueue: 100,
    flushIntervalMs: 1000,
    timeoutMs: 5000,
    clock,
  })
  onLeaving(() => outbox.flush(2000, 'leaving'))
  for (let id = 0; id < 40; id++) outbox.push(`${id}`)
  page.fire('pagehide')
  // The request is already sent: no more code of this page need run.
  expect(requests.map(({ keepalive, body }) => [keepalive, (body as string).length])).toEqual([[true, 50_000]])
  requests[0]?.answer()
  await clock.advance(0)
  expect(outbox.stats()).toMatchObject({ delivered: 10, inFlight: 10, queued: 20 })
})
