import { assertNumbers, reportFailure, systemClock, type Clock, type Journal } from '@msc/core'
import type { ProblemOptions } from '@msc/core/http-request'
import { noContent, ok, permission, refuse } from './answers.ts'
import { UNREADABLE_BODY, readDecompressed } from './body.ts'
import { fromBrowser } from './browser.ts'
import { createKeeper, type Kept, type Sender } from './keep.ts'
import { fromPostHog } from './posthog.ts'
import { TooManyError, type Received } from './received.ts'
import { protocolAt, type Protocol } from './routes.ts'
import { fromSentry } from './sentry/sentry.ts'

export interface IngestOptions {
  /** A function where the journal is set after the ingest is made. */
  readonly journal: Journal | (() => Journal)
  /** Where it is mounted, for example `/api/msc`. */
  readonly basePath: string
  /**
   * The user of the request, who then counts as the author of its records whatever they claim. While it fails, and for
   * requests that a page of another site makes, everybody is anonymous.
   */
  readonly userOf?: (request: Request) => Promise<string | undefined>
  /**
   * Keys the hash that takes the place of a person's id in which there is personal data, such as an e-mail address.
   * Without it the key is random, and such a person is another one after a restart.
   */
  readonly personSecret?: string
  /** Bytes of a body, before and after decompression. Default 1 MiB. */
  readonly maxBytes?: number
  readonly clock?: Clock
}

/**
 * Takes what browsers report into the journal: the posts of our own embedded browser drivers on `/browser`, and the
 * wire protocols of Sentry and PostHog, so that their unmodified SDKs can point here (`https://key@host/api/msc/1` as
 * the DSN, `https://host/api/msc` as PostHog's host). Redacted before it is written; what has no place in the journal is
 * counted in a record of the kind `drop`.
 *
 * A sender chooses neither the fingerprint nor the user of a record, and no record of what the server did. Whatever is
 * sent costs time in proportion to its length.
 *
 * Never rejects. Answers 200 or 204 when anything was kept, 503 when the journal took nothing, or 400, 404, 405, 408, 413,
 * 415 with a problem document; of those nothing is kept. Route `POST` and `OPTIONS` here.
 *
 * @throws ConfigError `OPTION_INVALID` for a bound that is no number.
 */
export function createIngest(options: IngestOptions): (request: Request) => Promise<Response> {
  assertNumbers('devtools', options, { maxBytes: 1 })
  const { userOf, maxBytes = 1024 * 1024, clock = systemClock } = options
  const base = options.basePath.replace(/\/+$/, '')
  const keep = createKeeper({ secret: options.personSecret, clock })

  const senderOf = async (request: Request, protocol: string): Promise<Sender> => {
    const known = userOf !== undefined
    // Another site's page may make a browser send its cookie, but does not speak for who it belongs to.
    if (!known || request.headers.get('sec-fetch-site') === 'cross-site') return { protocol, userId: undefined, known }
    try {
      return { protocol, userId: await userOf(request), known }
    } catch (error) {
      report(error, 'userOf')
      return { protocol, userId: undefined, known }
    }
  }
  const store = async (received: Received, sender: Sender): Promise<Kept> => {
    try {
      const journal = typeof options.journal === 'function' ? options.journal() : options.journal
      return await keep(received, sender, journal)
    } catch (error) {
      return { written: 0, failures: [error] }
    }
  }
  const take = async (request: Request, url: URL, protocol: Exclude<Protocol, 'flags'>): Promise<Response> => {
    const body = await readDecompressed(request, maxBytes)
    if (body.refused !== undefined) return refuse(body.refused)
    const received = read(body.bytes, url, protocol, clock.now())
    if (received instanceof Response) return received
    const { written, failures } = await store(received, await senderOf(request, protocol))
    for (const failure of failures.slice(0, 1)) report(failure, 'ingest')
    if (failures.length > 0 && written === 0) return refuse(NOTHING_KEPT)
    return answer(protocol, received)
  }

  return async (request) => {
    try {
      const url = new URL(request.url)
      const protocol = protocolAt(url.pathname, base)
      if (protocol === undefined) return refuse({ status: 404, title: 'There is nothing here', code: 'NOT_FOUND' })
      if (request.method === 'OPTIONS') return permission()
      if (request.method !== 'POST') return refuse(NOT_ALLOWED)
      return protocol === 'flags' ? noFlags() : await take(request, url, protocol)
    } catch (error) {
      report(error, 'ingest')
      return refuse(NOTHING_KEPT)
    }
  }
}

const NOTHING_KEPT: ProblemOptions = {
  status: 503,
  title: 'Nothing could be kept',
  code: 'NOT_KEPT',
  retryAfterMs: 10_000,
}
const NOT_ALLOWED: ProblemOptions = {
  status: 405,
  title: 'Only POST is answered here',
  code: 'METHOD_NOT_ALLOWED',
  headers: { allow: 'POST, OPTIONS' },
}

function read(bytes: Uint8Array, url: URL, protocol: Exclude<Protocol, 'flags'>, now: number): Received | Response {
  try {
    if (protocol === 'browser') return fromBrowser(bytes, now)
    return protocol === 'sentry' ? fromSentry(bytes, now) : fromPostHog(bytes, url.searchParams, now)
  } catch (error) {
    if (error instanceof TooManyError) {
      return refuse({ status: 413, title: 'There are too many records in the body', code: 'BODY_TOO_LARGE' })
    }
    return refuse(UNREADABLE_BODY)
  }
}

function answer(protocol: Protocol, { notKept }: Received): Response {
  if (protocol === 'browser') return noContent()
  return ok({
    ...(protocol === 'posthog' && { status: 'Ok' }),
    ...(notKept.size > 0 && { notKept: [...notKept].map(([type, count]) => ({ type, count })) }),
  })
}

function noFlags(): Response {
  return ok({ flags: {}, featureFlags: {}, errorsWhileComputingFlags: false })
}

function report(error: unknown, operation: string): void {
  reportFailure(error, { concern: 'devtools', operation })
}
