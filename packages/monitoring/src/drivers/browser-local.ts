import { DriverError, toError } from '@msc/core'
import type { MonitoringDriver } from '../driver.ts'

export interface BrowserLocalOptions {
  /** Same-origin address of the ingest that devtools mounts. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch
}

/** Posts events to the application's own server, which puts them into its journal. */
export function browserLocal(options: BrowserLocalOptions): MonitoringDriver {
  // Called as a bare function: a browser's fetch refuses any other `this`.
  const request: typeof fetch = options.fetch ?? ((...args) => fetch(...args))
  let closed = false
  const post = async (records: readonly unknown[], signal: AbortSignal): Promise<void> => {
    if (closed) throw new DriverError('local', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    const body = JSON.stringify({ records })
    const response = await request(options.ingestUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      // A browser refuses more than 64 KiB of these; the last event of a page that is being left is smaller.
      keepalive: body.length < 60_000,
      signal,
    }).catch((error: unknown) => {
      throw new DriverError('local', 'The request failed.', { retryable: true, cause: toError(error) })
    })
    if (!response.ok) {
      throw new DriverError('local', `The server answered ${response.status}.`, { retryable: response.status >= 500 })
    }
  }
  return {
    specificationVersion: 1,
    name: 'local',
    send: (events, signal) =>
      post(
        events.map(({ id, kind, timestamp, message, errors, traceId, user, fingerprint, release, ...rest }) => ({
          kind,
          ts: timestamp,
          name: kind === 'error' ? `${errors[0]?.name ?? 'Error'}: ${message}` : message,
          traceId,
          userId: user?.id,
          fingerprint,
          release,
          payload: { eventId: id, errors, user, ...rest },
        })),
        signal,
      ),
    health: (signal) => post([], signal),
    async close() {
      closed = true
    },
  }
}
