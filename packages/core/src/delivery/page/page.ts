import { runReported } from '../../errors/failures.ts'
import { processSlot } from '../../slot.ts'

/** State that all copies of this package on a page share, because the browser's limits apply to the whole page. */
interface PageState {
  leaving: boolean
  readonly callbacks: Set<() => unknown>
  /** Unanswered requests with `keepalive`. */
  readonly inFlight: { bytes: number; requests: number }
  listening: boolean
}

const page = (): PageState =>
  processSlot('core/page', () => ({
    leaving: false,
    callbacks: new Set(),
    inFlight: { bytes: 0, requests: 0 },
    listening: false,
  }))

/**
 * Browsers refuse a request with `keepalive` when the bodies of all pending ones exceed 64 KiB, whoever sent them. Some of
 * that is left for others. Source: Fetch standard, "HTTP-network-or-cache fetch", inflight keepalive bytes.
 */
const MAX_BYTES = 60 * 1024
/** The number that Chromium accepts at once per page process. Source: https://github.com/whatwg/fetch/issues/679 */
const MAX_REQUESTS = 9

/**
 * Calls `callback` each time that the page is being left, once each time: when it is hidden, which is the last event on
 * phones, or unloaded. No code of the page may run afterwards, so the callback must send synchronously. Does nothing
 * outside a page.
 *
 * @returns A function that removes the callback.
 */
export function onLeaving(callback: () => unknown): () => void {
  if (!hasPage()) return () => {}
  const state = page()
  listen(state)
  state.callbacks.add(callback)
  return () => state.callbacks.delete(callback)
}

function hasPage(): boolean {
  return typeof document !== 'undefined' && typeof addEventListener === 'function'
}

function listen(state: PageState): void {
  if (state.listening) return
  state.listening = true
  const leave = (): void => {
    if (state.leaving) return
    state.leaving = true
    for (const callback of state.callbacks) runReported(callback, { concern: 'core', operation: 'leaving the page' })
  }
  const back = (): void => {
    state.leaving = false
  }
  // Capture-phase listeners run even if the page's own listeners stop the propagation.
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? leave() : back()), true)
  addEventListener('pagehide', leave, true)
  // A page that is restored from the back/forward cache may be left again.
  addEventListener('pageshow', () => (document.visibilityState === 'hidden' ? undefined : back()), true)
}

/**
 * Returns the bytes of items with which the next request can still outlive the page; 0 when it can't. Pass it to an outbox
 * as `leavingMaxBytes`. An eighth of the browser's limit is left for what a sink writes around the items.
 */
export function keepaliveRoom(): number {
  if (!hasPage()) return 0
  const { inFlight } = page()
  if (inFlight.requests >= MAX_REQUESTS) return 0
  return Math.max(0, Math.floor((MAX_BYTES - inFlight.bytes) * 0.875))
}

export interface PageFetchOptions {
  /** Default: the page's own, looked up at each call, so that patches of it take effect. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * Makes a `fetch` whose requests outlive the page when necessary and possible. It sets `keepalive` while the page is being
 * left and the sum of all bodies stays within the browser's limits, and makes plain requests otherwise, because a browser
 * refuses requests beyond its limits. Outside a page it is a plain `fetch`.
 */
export function createPageFetch(options: PageFetchOptions = {}): typeof fetch {
  // Called as a bare function, because a browser's fetch throws for any other `this`.
  const request: typeof fetch = options.fetch ?? ((...args) => fetch(...args))
  return (input, init) => {
    if (!hasPage()) return request(input, init)
    const state = page()
    listen(state)
    const bytes = state.leaving ? bodyBytes(init?.body) : undefined
    const { inFlight } = state
    if (bytes === undefined || inFlight.bytes + bytes > MAX_BYTES || inFlight.requests >= MAX_REQUESTS) {
      return request(input, init)
    }
    return alive(inFlight, bytes, () => request(input, { ...init, keepalive: true }))
  }
}

async function alive(inFlight: PageState['inFlight'], bytes: number, send: () => Promise<Response>): Promise<Response> {
  inFlight.bytes += bytes
  inFlight.requests += 1
  try {
    return await send()
  } finally {
    inFlight.bytes -= bytes
    inFlight.requests -= 1
  }
}

/** Returns the size of a body on the wire, or `undefined` when it is not known in advance. */
function bodyBytes(body: BodyInit | null | undefined): number | undefined {
  if (body === null || body === undefined) return 0
  if (typeof body === 'string') return new TextEncoder().encode(body).byteLength
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return body.byteLength
  if (typeof Blob !== 'undefined' && body instanceof Blob) return body.size
  if (body instanceof URLSearchParams) return body.toString().length
  return undefined
}
