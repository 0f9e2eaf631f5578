import { systemClock, type Clock } from '../clock.ts'
import { DriverError, MscError, toError } from '../errors.ts'
import { httpFailure } from '../http-failure.ts'
import { createPageFetch } from './page.ts'

export interface PagePostOptions {
  /** Same-origin address of the ingest that devtools mounts. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch | undefined
  readonly clock?: Clock | undefined
}

/** Posts records to the application's own server. */
export interface PagePost {
  /** @throws DriverError when the server did not take them, or after `close`. */
  post(records: readonly unknown[], signal: AbortSignal): Promise<void>
  close(): void
}

/** What one body may hold: the ingest takes 256 KiB. */
export const PAGE_POST_LIMITS = { maxItems: 100, maxBytes: 200_000, maxItemBytes: 200_000 } as const

/** The embedded drivers of a page have one backend, the ingest of devtools, and one way to it. */
export function createPagePost({ ingestUrl, fetch: given, clock = systemClock }: PagePostOptions): PagePost {
  const request = createPageFetch({ fetch: given })
  let closed = false
  return {
    async post(records, signal) {
      if (closed) throw new DriverError('local', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
      try {
        const response = await request(ingestUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ records }),
          signal,
        })
        const failure = httpFailure(response, {
          driver: 'local',
          credentials: 'Is the ingest of devtools open to this page?',
          address: `Mount the ingest of devtools at ${ingestUrl}.`,
          now: clock.now,
        })
        if (failure) throw failure
      } catch (error) {
        if (MscError.isInstance(error)) throw error
        throw new DriverError('local', 'The request failed.', { retryable: true, cause: toError(error) })
      }
    },
    close() {
      closed = true
    },
  }
}
