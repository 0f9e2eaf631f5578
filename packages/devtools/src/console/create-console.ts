import { assertMethods, assertText, randomHex, redact, reportFailure, type Health, type Journal } from '@msc/core'
import { readRecord } from '../record-shape.ts'
import { html, toText, trusted } from './html.ts'
import { errorPage, errorsPage } from './pages/errors.ts'
import { eventsPage } from './pages/events.ts'
import { lossesPage } from './pages/losses.ts'
import { runPage, runsPage } from './pages/runs.ts'
import type { RealtimePort } from './realtime/port.ts'
import { createRealtimeSection } from './realtime/section.ts'
import { systemsPage } from './pages/systems.ts'
import { tracePage, tracesPage } from './pages/traces.ts'
import { json, type Page } from './parts.ts'
import { style } from './style.ts'

export interface ConsoleOptions {
  /** Pass a function if the journal is set after the console is made. */
  readonly journal: Journal | (() => Journal)
  /** Says who may see the console. The journal contains data of all users, so admit administrators only. */
  readonly authorize: (request: Request) => boolean | Promise<boolean>
  /** The path where the console is mounted. Default `/devtools`. */
  readonly basePath?: string
  /** The target of the link back to the application. Default `/`. */
  readonly homeUrl?: string
  /** Adds a page with the health of every service. */
  readonly health?: () => Promise<readonly Health[]>
  /**
   * Adds pages over a realtime server: its rooms, who is in them, what is sent to them, and a form that sends members away, for
   * which the console's `POST` has to be served too. Pass a function if the server is made after the console; without one there,
   * the page says so.
   */
  readonly realtime?: RealtimePort | (() => RealtimePort | undefined)
}

interface Asked {
  readonly section: string
  readonly id: string | undefined
  readonly query: URLSearchParams
}

const SECTIONS = ['errors', 'events', 'runs', 'traces', 'losses'] as const

/**
 * Serves pages over the journal: errors, events, runs, traces and losses, each also as JSON with `?format=json`. The
 * pages are plain HTML without a script, under a policy that allows none. Records of the journal are never trusted,
 * neither to be harmless nor to have the right shape. Those that were received, such as a browser's, are marked, and
 * never stand in for what the process itself recorded.
 *
 * Never rejects. Answers 404 to callers who are not authorised, so that they can't tell whether a page exists.
 *
 * @throws ConfigError `OPTION_INVALID` without `authorize` or a journal.
 */
export function createConsole(options: ConsoleOptions): (request: Request) => Promise<Response> {
  assertMethods('devtools', 'options', options, ['authorize'], ['health'])
  if (typeof options.journal !== 'function') assertMethods('devtools', 'journal', options.journal, ['query'])
  if (options.basePath !== undefined && options.basePath !== '') assertText('devtools', 'basePath', options.basePath)
  const { authorize, health } = options
  if (options.realtime !== undefined && typeof options.realtime !== 'function') {
    assertMethods('devtools', 'realtime', options.realtime, ['inspect', 'kick'])
  }
  const base = (options.basePath ?? '/devtools').replace(/\/+$/, '')

  const { realtime } = options
  const live = realtime && createRealtimeSection(typeof realtime === 'function' ? realtime : () => realtime, base)
  const sections = [...SECTIONS, ...(live ? ['realtime'] : []), ...(health ? ['systems'] : [])]

  const find = async (journal: Journal, { section, id, query }: Asked): Promise<Page | undefined> => {
    if (section === 'realtime') return live?.page(id, query)
    if (section === 'errors') {
      return id === undefined ? errorsPage(journal, base, query) : errorPage(journal, base, id)
    }
    if (section === 'runs') return id === undefined ? runsPage(journal, base) : runPage(journal, base, id)
    if (section === 'traces') {
      return id === undefined ? tracesPage(journal, base, query.get('source')) : tracePage(journal, base, id)
    }
    if (id !== undefined) return undefined
    if (section === 'events') return eventsPage(journal, base, query)
    if (section === 'losses') return lossesPage(journal)
    return section === 'systems' && health ? systemsPage(health) : undefined
  }

  return async (request) => {
    if (!(await allowed(authorize, request))) return notFound()
    const { pathname, searchParams } = new URL(request.url)
    const isForm = request.method === 'POST' && live !== undefined && pathname === `${base}/realtime/kick`
    if (request.method !== 'GET' && request.method !== 'HEAD' && !isForm) {
      return new Response('Method not allowed', { status: 405, headers: { allow: 'GET, HEAD' } })
    }
    try {
      const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
      const place = { base, home: options.homeUrl ?? '/', sections }
      if (isForm) {
        const answer = await live.kick(request)
        if ('location' in answer) return new Response(null, { status: 303, headers: { ...headers, ...answer } })
        return document(answer.page, 'realtime', place, headers, answer.status)
      }
      if (pathname !== base && !pathname.startsWith(`${base}/`)) return notFound()
      const path = pathname.slice(base.length).split('/').filter(Boolean)
      const [section = 'errors', id, ...rest] = path.map(decode)
      const journal = typeof options.journal === 'function' ? options.journal() : options.journal
      const asked = { section, id, query: searchParams }
      // A page fails over a record only if reading one of its members throws: plain copies have no such members.
      const page = rest.length > 0 ? undefined : await find(journal, asked).catch(() => find(plainly(journal), asked))
      if (!page) return notFound()
      if (searchParams.get('format') === 'json') {
        return new Response(json(page.data), { headers: { ...headers, 'content-type': 'application/json' } })
      }
      return document(page, section, place, headers)
    } catch (error) {
      reportFailure(error, { concern: 'devtools', operation: 'console' })
      return plain(500, 'This page could not be rendered. The error has been reported.')
    }
  }
}

function document(
  page: Page,
  section: string,
  { base, home, sections }: { readonly base: string; readonly home: string; readonly sections: readonly string[] },
  headers: Record<string, string>,
  status = 200,
): Response {
  const nonce = randomHex(16)
  const markup = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${page.title} · devtools</title>
      ${page.refreshSeconds && html`<meta http-equiv="refresh" content="${page.refreshSeconds}" />`}
      <style nonce="${nonce}">
        ${trusted(style)}
      </style>
    </head>
    <body>
      <header>
        <div>
          <strong><a href="${base}">devtools</a></strong>
          <nav>
            ${sections.map(
              (name) =>
                html`<a href="${base}/${name}" ${name === section ? html`aria-current="page"` : ''}
                  >${name[0]?.toUpperCase()}${name.slice(1)}</a
                > `,
            )}
          </nav>
          <a class="home" href="${home}">Back to the app</a>
        </div>
      </header>
      <main>${page.body}</main>
    </body>
  </html>`
  return new Response(`<!doctype html>${toText(markup)}`, {
    status,
    headers: {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action ${page.hasForms ? "'self'" : "'none'"}; frame-ancestors 'none'`,
      // Without any a browser does not say where a form comes from.
      'referrer-policy': page.hasForms ? 'same-origin' : 'no-referrer',
    },
  })
}

/** Returns a journal whose records are copies of plain data, with a mark in place of what can't be read. */
function plainly(journal: Journal): Journal {
  return {
    ...journal,
    dropped: journal.dropped,
    query: (query) =>
      journal.query(query).flatMap((record) => {
        const read = readRecord(record)
        return read ? [{ ...read, payload: redact(read.payload) }] : []
      }),
  }
}

async function allowed(authorize: ConsoleOptions['authorize'], request: Request): Promise<boolean> {
  try {
    return (await authorize(request)) === true
  } catch (error) {
    // A caller whose authorisation could not be checked is not admitted.
    reportFailure(error, { concern: 'devtools', operation: 'authorize' })
    return false
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function notFound(): Response {
  return plain(404, 'Not found')
}

function plain(status: number, text: string): Response {
  return new Response(text, {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  })
}
