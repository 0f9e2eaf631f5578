import type { BrowserAnalyticsDriver } from '../browser-driver.ts'
import type { FlagValue } from '../driver.ts'

export interface BrowserLocalOptions {
  /** Same-origin address of the ingest that devtools mounts. */
  readonly ingestUrl: string
  /** Flags as the server evaluated them. */
  readonly flags?: Readonly<Record<string, FlagValue>>
}

const LIMIT = 200
const DELAY_MS = 1000

/** Posts events in batches to the application's own server. Never throws: analytics must not break a page. */
export function browserLocal(options: BrowserLocalOptions): BrowserAnalyticsDriver {
  let distinctId = anonymousId()
  let queue: unknown[] = []
  let timer: ReturnType<typeof setTimeout> | undefined

  const send = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (queue.length === 0) return
    const body = JSON.stringify({ records: queue })
    queue = []
    // keepalive: the last batch leaves even while the page is being left.
    void fetch(options.ingestUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      keepalive: true,
    }).catch(() => undefined)
  }
  addEventListener('pagehide', send)

  return {
    name: 'local',
    track(event, properties, at) {
      if (queue.length >= LIMIT) return
      const traceId = properties['$trace_id']
      queue.push({ kind: 'event', name: event, ts: at, userId: distinctId, traceId, payload: { properties } })
      timer ??= setTimeout(send, DELAY_MS)
    },
    identify(id, properties) {
      const before = distinctId
      distinctId = id
      this.track('$identify', { $set: properties, $anon_distinct_id: before }, Date.now())
    },
    setProperties(properties) {
      this.track('$set', { $set: properties }, Date.now())
    },
    reset() {
      send()
      forget()
      distinctId = anonymousId()
    },
    getFlag: (flag) => options.flags?.[flag],
    startRecording: () => false,
    stopRecording: () => false,
  }
}

const KEY = 'msc-anonymous-id'

/** Kept in the browser where that is allowed, else for this page. */
function anonymousId(): string {
  const fresh = crypto.randomUUID()
  try {
    const kept = localStorage.getItem(KEY)
    if (kept) return kept
    localStorage.setItem(KEY, fresh)
  } catch {
    // Storage is off: a visitor's choice.
  }
  return fresh
}

function forget(): void {
  try {
    localStorage.removeItem(KEY)
  } catch {
    // As above.
  }
}
