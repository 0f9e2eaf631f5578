import {
  ConfigError,
  assertMethods,
  assertNumbers,
  assertPorts,
  assertText,
  reportFailure,
  systemClock,
  type Clock,
  type Journal,
} from '@msc/core'
import type { ProblemOptions } from '@msc/core/http-request'
import { foreignOrigin, isAllowed, noContent, ok, permission, readable, refuse, type Origins } from './answers.ts'
import { UNREADABLE_BODY, readDecompressed } from './body.ts'
import { fromBrowser } from './browser.ts'
import { createKeeper, type Kept, type Sender } from './keep.ts'
import { fromPostHog } from './posthog.ts'
import { TooManyError, type Received } from './received.ts'
import { protocolAt, type Protocol } from './routes.ts'
import { fromSentry } from './sentry/sentry.ts'

export interface IngestOptions {
  /** Pass a function if the journal is set after the ingest is made. */
  readonly journal: Journal | (() => Journal)
  /** The path where the ingest is mounted, such as `/api/msc`. */
  readonly basePath: string
  /**
   * Returns the user of the request, who becomes the author of its records whatever they claim. Without it, while it
   * fails, and for requests from pages of another site, the author is anonymous.
   */
  readonly userOf?: (request: Request) => Promise<string | undefined>
  /**
   * The key of the hash that replaces a person's id that contains personal data, such as an e-mail address. Without it
   * the key is random, and such a person gets another id after a restart.
   */
  readonly personSecret?: string | undefined
  /**
   * The origins of other sites whose pages may post, such as `https://shop.example`. Pages of any other are answered 403,
   * to their preflight requests too, and can't read the answer. `[]` admits the application's own pages only; clients that
   * are no browser have no origin. Default `any`.
   */
  readonly origins?: Origins
  /** The most bytes of a body, before and after decompression. Default 1 MiB. */
  readonly maxBytes?: number
  readonly clock?: Clock
}

/**
 * Writes what browsers report into the journal. It takes the posts of our own embedded browser drivers on `/browser`,
 * and the wire protocols of Sentry and PostHog, so that their unmodified SDKs can point here
 * (`https://key@host/api/msc/1` as the DSN, `https://host/api/msc` as PostHog's host). Records are redacted before they
 * are written; items that the journal has no place for are counted in a record of the kind `drop`.
 *
 * All that it writes has the source `browser`, and so a room of its own in the journal. A sender can set neither the
 * fingerprint nor the user of a record, and can't write records of the server's operations. The work for a body is proportional to its length.
 *
 * Never rejects. Answers 200 or 204 when anything was kept, 503 when the journal accepted nothing, 500 when the
 * application had read the body before, or 400, 403, 404, 405, 408, 413, 415. When nothing was kept the answer is a problem
 * document. Route `POST` and `OPTIONS` here.
 *
 * @throws ConfigError `OPTION_INVALID` for a missing journal or path, for an invalid limit, and for what is no origin.
 */
export function createIngest(options: IngestOptions): (request: Request) => Promise<Response> {
  assertNumbers('devtools', options, { maxBytes: 1 })
  assertMethods('devtools', 'options', options, [], ['userOf'])
  assertPorts('devtools', options)
  if (typeof options.journal !== 'function') assertMethods('devtools', 'journal', options.journal, ['append'])
  // The root of a host is the empty path.
  if (options.basePath !== '') assertText('devtools', 'basePath', options.basePath)
  if (options.personSecret !== undefined) assertText('devtools', 'personSecret', options.personSecret)
  const { userOf, origins = 'any', maxBytes = 1024 * 1024, clock = systemClock } = options
  assertOrigins(origins)
  const base = options.basePath.replace(/\/+$/, '')
  const keep = createKeeper({ secret: options.personSecret, clock })

  const senderOf = async (request: Request, protocol: string): Promise<Sender> => {
    // A page of another site can make a browser send its cookie, but must not act as the signed-in user.
    const isForeign = foreignOrigin(request) !== undefined && request.headers.get('sec-fetch-site') !== 'same-site'
    if (userOf === undefined || isForeign) return { protocol, userId: undefined }
    try {
      return { protocol, userId: await userOf(request) }
    } catch (error) {
      report(error, 'userOf')
      return { protocol, userId: undefined }
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

  const respond = async (request: Request, origin: string | undefined): Promise<Response> => {
    try {
      if (!isAllowed(origin, origins)) return refuse(CROSS_SITE)
      const url = new URL(request.url)
      const protocol = protocolAt(url.pathname, base)
      if (protocol === undefined)
        return refuse({ status: 404, title: 'There is no ingest at this path', code: 'NOT_FOUND' })
      if (request.method === 'OPTIONS') return permission()
      if (request.method !== 'POST') return refuse(NOT_ALLOWED)
      return protocol === 'flags' ? noFlags() : await take(request, url, protocol)
    } catch (error) {
      // Such as a body that the application has read: sending it again would change nothing.
      report(error, 'ingest')
      return refuse(FAILED)
    }
  }
  return async (request) => {
    const origin = foreignOrigin(request)
    return readable(await respond(request, origin), origin, origins)
  }
}

function assertOrigins(origins: unknown): void {
  if (origins === 'any') return
  if (Array.isArray(origins) && origins.every((each) => typeof each === 'string' && URL.parse(each)?.origin === each)) {
    return
  }
  throw new ConfigError('[msc/devtools] `origins` is not a list of origins.', {
    code: 'OPTION_INVALID',
    hint: "Pass origins such as `https://shop.example`, without a path, or 'any'.",
  })
}

const NOTHING_KEPT: ProblemOptions = {
  status: 503,
  title: 'Nothing could be kept',
  code: 'NOT_KEPT',
  retryAfterMs: 10_000,
}
const CROSS_SITE: ProblemOptions = {
  status: 403,
  title: 'Pages of this origin may not post here',
  code: 'CROSS_SITE',
}
const FAILED: ProblemOptions = { status: 500, title: 'The request could not be answered', code: 'INTERNAL' }
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
