import { runReported } from '../../errors/failures.ts'
import { processSlot } from '../../slot.ts'

/** What all copies of this package on one page share, since the browser's bounds are for the whole page. */
interface PageState {
  leaving: boolean
  readonly callbacks: Set<() => unknown>
  /** With `keepalive` and without an answer yet. */
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
 * Browsers refuse a request with `keepalive` when the bodies of all that are under way exceed 64 KiB, whoever sent
 * them; some is left for others. Source: Fetch standard, "HTTP-network-or-cache fetch", inflight keepalive bytes.
 */
const MAX_BYTES = 60 * 1024
/** Chromium takes no more at once of a page's process. Source: https://github.com/whatwg/fetch/issues/679 */
const MAX_REQUESTS = 9

/**
 * Calls back when the page is being left: when it is hidden, which is the last that a phone tells, or unloaded, once
 * for each time that it is left. After it no code of the page may run, so that whatever is sent has to be sent in the
 * callback itself. Does nothing where there is no page.
 *
 * @returns Ends it.
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
  // In the capture phase: nothing on the page can keep these events from us.
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? leave() : back()), true)
  addEventListener('pagehide', leave, true)
  // A page that comes back from the cache may be left again.
  addEventListener('pageshow', () => (document.visibilityState === 'hidden' ? undefined : back()), true)
}

/**
 * Bytes of items that the next request may carry to outlive the page; 0 when it can't. To be given to an outbox as
 * `leavingMaxBytes`. An eighth of what the browser allows is left for what a sink writes around the items.
 */
export function keepaliveRoom(): number {
  if (!hasPage()) return 0
  const { inFlight } = page()
  if (inFlight.requests >= MAX_REQUESTS) return 0
  return Math.max(0, Math.floor((MAX_BYTES - inFlight.bytes) * 0.875))
}

export interface PageFetchOptions {
  /** Default: the page's own, looked up at each call, so that what patches it is used. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * A `fetch` whose requests outlive the page where that is needed and possible: with `keepalive` while the page is being
 * left and the sum of all bodies stays within the browser's bounds, and as a plain request otherwise, because a browser
 * refuses what exceeds them. Elsewhere than on a page it is a plain `fetch`.
 */
export function createPageFetch(options: PageFetchOptions = {}): typeof fetch {
  // Called as a bare function: a browser's fetch refuses any other `this`.
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

/** What a body weighs on the wire; `undefined` when that is not known before it is sent. */
function bodyBytes(body: BodyInit | null | undefined): number | undefined {
  if (body === null || body === undefined) return 0
  if (typeof body === 'string') return new TextEncoder().encode(body).byteLength
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return body.byteLength
  if (typeof Blob !== 'undefined' && body instanceof Blob) return body.size
  if (body instanceof URLSearchParams) return body.toString().length
  return undefined
}
