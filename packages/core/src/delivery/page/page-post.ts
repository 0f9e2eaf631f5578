import { closedError } from '../../service/closed.ts'
import { systemClock, type Clock } from '../../time/clock.ts'
import { MscError } from '../../errors/errors.ts'
import { httpFailure } from '../../http/http-failure.ts'
import { requestFailure } from '../../http/request-failure.ts'
import { createPageFetch } from './page.ts'
import { plainJson } from './plain-json.ts'
import type { Receipt } from '../sink/receipt.ts'
import { writeEach } from '../sink/write-each.ts'

export interface PagePostOptions {
  /** The same-origin URL of the ingest that devtools mounts. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch | undefined
  readonly clock?: Clock | undefined
}

/** Posts records to the application's own server. */
export interface PagePost {
  /**
   * Posts each item as the record that `write` returns for it. An item that can't be written is rejected alone.
   *
   * @throws DriverError when the server did not accept the records, or after `close`.
   */
  post<T extends { readonly id: string }>(
    items: readonly T[],
    write: (item: T) => unknown,
    signal: AbortSignal,
  ): Promise<Receipt>
  /** Checks whether the server accepts records. Throws like `post`. */
  check(signal: AbortSignal): Promise<void>
  close(): void
}

/** The limits of one body. The ingest accepts 256 KiB. */
export const PAGE_POST_LIMITS = { maxItems: 100, maxBytes: 200_000, maxItemBytes: 200_000 } as const

/** Makes the connection of a page's embedded drivers to their backend, the ingest of devtools. */
export function createPagePost({ ingestUrl, fetch: given, clock = systemClock }: PagePostOptions): PagePost {
  const request = createPageFetch({ fetch: given })
  let closed = false
  const open = (): void => {
    if (closed) throw closedError('local')
  }
  const send = async (records: readonly string[], signal: AbortSignal): Promise<void> => {
    const address = `Mount the ingest of devtools at ${ingestUrl}.`
    try {
      const response = await request(ingestUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"records":[${records.join(',')}]}`,
        // A followed redirect would turn the POST into a GET and accept a sign-in page as an answer.
        redirect: 'manual',
        signal,
      })
      // The body is of no use, and one that never ends would keep the connection open.
      response.body?.cancel().catch(() => undefined)
      const credentials = 'Check that the ingest of devtools is open to this page.'
      const failure = httpFailure(
        { status: statusOf(response), headers: response.headers },
        { driver: 'local', credentials, address, now: clock.now },
      )
      if (failure) throw failure
    } catch (error) {
      if (MscError.isInstance(error)) throw error
      throw requestFailure(error, { driver: 'local', url: ingestUrl, address })
    }
  }
  return {
    async post(items, write, signal) {
      open()
      const { written, rejected } = writeEach(items, (item) => plainJson(write(item)))
      const records = written.map(({ as }) => as)
      if (records.length > 0) await send(records, signal)
      return { rejected }
    },
    async check(signal) {
      open()
      await send([], signal)
    },
    close() {
      closed = true
    },
  }
}

/**
 * Returns the status to judge. The ingest answers 204, so any other success comes from something else. In pages, a redirect
 * that was not followed is opaque.
 */
function statusOf({ ok, status, type }: Response): number {
  if (type === 'opaqueredirect') return 302
  return ok && status !== 204 ? 404 : status
}
