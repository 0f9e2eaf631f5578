import { createRedactor, type Journal, type JournalEntry } from '@msc/core'
import { readBytes } from './body.ts'
import { fromBrowser, fromPostHog, fromSentry } from './records.ts'

export interface IngestOptions {
  /** A function where the journal is set after the ingest is made. */
  readonly journal: Journal | (() => Journal)
  /** Where it is mounted, for example `/api/msc`. */
  readonly basePath: string
  /** The user of the request, who then counts as the author of its records whatever they claim. */
  readonly userOf?: (request: Request) => Promise<string | undefined>
  /** Bytes of a body, before and after decompression. Default 1 MiB. */
  readonly maxBytes?: number
}

const POSTHOG = /^\/(?:batch|capture|e|i\/v0\/e|s)\/?$/
const SENTRY = /^\/api\/[^/]+\/envelope\/?$/

/**
 * Takes what browsers report into the journal: the posts of our own embedded browser drivers on `/browser`, and the
 * wire protocols of Sentry and PostHog, so that their unmodified SDKs can point here (`https://key@host/api/msc/1` as
 * the DSN, `https://host/api/msc` as PostHog's host). Redacted before it is written.
 *
 * Answers 204, or 400, 404, 405, 413 with a problem document; nothing of a refused request is kept.
 */
export function createIngest(options: IngestOptions): (request: Request) => Promise<Response> {
  const { userOf, maxBytes = 1024 * 1024 } = options
  const base = options.basePath.replace(/\/+$/, '')
  const clean = createRedactor()

  return async (request) => {
    const url = new URL(request.url)
    const path = url.pathname.slice(base.length)
    const kind =
      path === '/browser' ? 'browser' : SENTRY.test(path) ? 'sentry' : POSTHOG.test(path) ? 'posthog' : undefined
    if (/^\/(?:flags|decide)\/?$/.test(path)) return noFlags()
    if (kind === undefined) return refuse(404, 'There is nothing here')
    if (request.method !== 'POST') return refuse(405, 'Only POST is answered here')
    let entries: JournalEntry[]
    try {
      const body = await readBytes(request, maxBytes)
      if (!body) return refuse(413, `At most ${maxBytes} bytes are taken`)
      entries =
        kind === 'browser'
          ? fromBrowser(body)
          : kind === 'sentry'
            ? fromSentry(body)
            : fromPostHog(body, url.searchParams)
    } catch {
      return refuse(400, 'The body can not be read')
    }
    const userId = await userOf?.(request)
    const journal = typeof options.journal === 'function' ? options.journal() : options.journal
    for (const entry of entries) journal.append(authored(clean(entry), entry, userId, userOf !== undefined))
    if (kind === 'browser') return new Response(null, { status: 204 })
    return Response.json(kind === 'posthog' ? { status: 'Ok' } : {}, {
      headers: { 'access-control-allow-origin': '*' },
    })
  }
}

/** Ids are ours or a pattern of their own: the rules must not take one for a card number. */
function authored(redacted: JournalEntry, raw: JournalEntry, userId: string | undefined, known: boolean): JournalEntry {
  const { userId: claimed, ...rest } = redacted
  const author = userId ?? (known && claimed !== undefined ? `anonymous:${claimed}` : claimed)
  return {
    ...rest,
    kind: raw.kind,
    ...(raw.traceId !== undefined && { traceId: raw.traceId }),
    ...(author !== undefined && { userId: author }),
  }
}

function noFlags(): Response {
  return Response.json(
    { flags: {}, featureFlags: {}, errorsWhileComputingFlags: false },
    { headers: { 'access-control-allow-origin': '*' } },
  )
}

function refuse(status: number, title: string): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  })
}
