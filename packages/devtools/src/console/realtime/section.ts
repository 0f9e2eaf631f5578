import { readText } from '@msc/core/http-request'
import { html } from '../html.ts'
import type { Page } from '../parts.ts'
import { followPage } from './follow-page.ts'
import { createFollows } from './follows.ts'
import { createFormTokens, isSameOrigin } from './forms.ts'
import type { RealtimePort } from './port.ts'
import { roomPage } from './room-page.ts'
import { roomsPage } from './rooms-page.ts'
import { roomFrom, roomQuery, textFromJson } from './topic.ts'

/** The pages over a realtime server, and the form that sends members away. */
export interface RealtimeSection {
  /** `undefined` for a page that there is none of. */
  page(id: string | undefined, query: URLSearchParams): Promise<Page | undefined>
  /** Takes a posted form: where to go next, or why not. */
  kick(request: Request): Promise<{ readonly location: string } | { readonly status: number; readonly page: Page }>
}

const MAX_FORM_BYTES = 16 * 1024
const FORM_TIMEOUT_MS = 10_000
const REASON = 'Removed by an operator'
/** Seconds for which a form may keep members out. */
const DURATIONS: ReadonlySet<string> = new Set(['0', '60', '600'])

export function createRealtimeSection(find: () => RealtimePort | undefined, base: string): RealtimeSection {
  const follows = createFollows()
  const tokens = createFormTokens()

  return {
    async page(id, query) {
      if (id !== undefined && id !== 'room' && id !== 'follow') return undefined
      const port = find()
      if (!port) return elsewhere()
      if (id === undefined) return roomsPage(port, base, query)
      const room = roomFrom(query)
      if (!room) return undefined
      if (id === 'follow') return followPage(port, base, room, { query, follows })
      return roomPage(port, base, room, { query, token: tokens.make() })
    },
    async kick(request) {
      const refuse = (status: number, why: string): { status: number; page: Page } => ({
        status,
        page: refusal(why, base),
      })
      if (!isSameOrigin(request)) return refuse(403, 'This form was not sent by a page of this site.')
      if (!request.headers.get('content-type')?.startsWith('application/x-www-form-urlencoded')) {
        return refuse(415, 'This is no form.')
      }
      const { signal } = request
      const read = await readText(request, {
        maxBytes: MAX_FORM_BYTES,
        timeoutMs: FORM_TIMEOUT_MS,
        signal,
        utf8: 'lenient',
      })
      if (read.text === undefined) return refuse(400, 'The form could not be read.')
      const form = new URLSearchParams(read.text)
      if (!tokens.isValid(form.get('token'))) return refuse(403, 'This form is too old. Load its page again.')
      const topic = textFromJson(form.get('topic'))
      const kind = form.get('kind')
      const seconds = form.get('for') ?? '0'
      const sub = form.has('sub') ? textFromJson(form.get('sub')) : undefined
      // A form that names somebody, and not whom, must not be everybody's.
      const isWhole = !form.has('sub') || (sub !== undefined && sub !== '')
      if (!topic || (kind !== 'private' && kind !== 'public') || !DURATIONS.has(seconds) || !isWhole) {
        return refuse(422, 'This form does not say whom to kick.')
      }
      const port = find()
      if (!port) return refuse(409, 'There is no realtime server in this process.')
      const room = { topic, private: kind === 'private' }
      const kicked = port.kick({ ...room, ...(sub !== undefined && { sub }), forMs: Number(seconds) * 1000 }, REASON)
      return { location: `${base}/realtime/room?${roomQuery(room, { kicked: String(kicked) })}` }
    },
  }
}

function elsewhere(): Page {
  return {
    title: 'Realtime',
    data: { stats: null },
    body: html`<h1>Realtime</h1>
      <div class="card empty">
        There is no realtime server in this process. Look at the vendor’s console, or at another process’s.
      </div>`,
  }
}

function refusal(why: string, base: string): Page {
  return {
    title: 'Nobody was kicked',
    data: { error: why },
    body: html`<h1>Nobody was kicked</h1>
      <div class="card empty">${why} <a href="${base}/realtime">All rooms</a></div>`,
  }
}
