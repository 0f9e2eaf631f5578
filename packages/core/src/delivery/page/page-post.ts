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
  /** Same-origin address of the ingest that devtools mounts. */
  readonly ingestUrl: string
  readonly fetch?: typeof fetch | undefined
  readonly clock?: Clock | undefined
}

/** Posts records to the application's own server. */
export interface PagePost {
  /**
   * Posts each item as the record that `write` makes of it. One that can't be written is refused alone.
   *
   * @throws DriverError when the server did not take them, or after `close`.
   */
  post<T extends { readonly id: string }>(
    items: readonly T[],
    write: (item: T) => unknown,
    signal: AbortSignal,
  ): Promise<Receipt>
  /** Asks whether the server would take records. As `post`. */
  check(signal: AbortSignal): Promise<void>
  close(): void
}

/** What one body may hold: the ingest takes 256 KiB. */
export const PAGE_POST_LIMITS = { maxItems: 100, maxBytes: 200_000, maxItemBytes: 200_000 } as const

/** The embedded drivers of a page have one backend, the ingest of devtools, and one way to it. */
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
        // Followed, the post would become a get, and a sign-in page an answer.
        redirect: 'manual',
        signal,
      })
      // Nothing in it is of use, and one that never ends would hold the connection.
      response.body?.cancel().catch(() => undefined)
      const credentials = 'Is the ingest of devtools open to this page?'
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

/** The ingest says 204. Any other success is that of something else; a redirect that was not followed is opaque in pages. */
function statusOf({ ok, status, type }: Response): number {
  if (type === 'opaqueredirect') return 302
  return ok && status !== 204 ? 404 : status
}
