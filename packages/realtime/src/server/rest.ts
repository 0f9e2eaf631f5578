import type { OutgoingMessage } from '../driver.ts'
import { isCursor } from '../feed/cursor.ts'
import type { FeedSource } from '../feed/source.ts'
import { textOf } from './body.ts'
import { verifyToken, type Claims } from './claims.ts'
import type { Ask } from './permissions.ts'
import type { Runtime } from './runtime.ts'
import { isFeedTopic } from './session.ts'

export interface RestContext {
  readonly path: string
  readonly jwtSecret: string
  readonly maxBytes: number
  readonly ask: Ask
  publish(message: OutgoingMessage): void
  readonly feeds: FeedSource | undefined
  readonly runtime: Runtime
}

/** As PostgREST serves the database's function to the vendor's SDK. */
const SINCE = '/rest/v1/rpc/msc_feed_since'

/**
 * Supabase's REST broadcast: `POST {path}/api/broadcast` with `{messages}`, and
 * `POST {path}/api/broadcast/{topic}/events/{event}` with one payload. 202 when taken.
 *
 * @returns `undefined` for an address that is not the server's.
 */
export async function handleRest(request: Request, context: RestContext): Promise<Response | undefined> {
  const url = new URL(request.url)
  if (url.pathname === `${context.path}/health`) return Response.json({ status: 'ok' })
  const base = `${context.path}/api/broadcast`
  const isSince = url.pathname === SINCE
  if (!isSince && url.pathname !== base && !url.pathname.startsWith(`${base}/`)) return undefined
  if (request.method !== 'POST') return fail(405, 'Use POST')

  const token = request.headers.get('authorization')?.replace(/^Bearer /i, '') ?? request.headers.get('apikey') ?? ''
  if (token === '') return fail(401, 'API key is missing')
  const verified = await verifyToken(token, context.jwtSecret)
  if ('error' in verified) return fail(401, verified.error)

  const { text, refusal } = await textOf(request, context.maxBytes)
  if (refusal) return refusal
  if (isSince) return since(text, verified.claims, context)
  const messages = parse(url, base, text)
  if (!messages) return fail(422, 'Each message needs a topic, an event and a payload')
  for (const { topic, private: isPrivate } of messages) {
    if (!isPrivate || verified.claims.role === 'service_role') continue
    if (!(await context.ask({ claims: verified.claims, topic, action: 'write' }))) {
      return fail(403, `You do not have permissions to write to this Channel topic: ${topic}`)
    }
  }
  for (const message of messages) context.publish(message)
  return new Response(null, { status: 202 })
}

async function since(text: string, claims: Claims, { feeds, ask, runtime }: RestContext): Promise<Response> {
  if (!feeds) return Response.json({ code: 'PGRST202', message: 'No feeds are kept here' }, { status: 404 })
  let body: { topic?: unknown; after?: unknown; max?: unknown } | null
  try {
    body = JSON.parse(text) as typeof body
  } catch {
    return fail(422, 'Not JSON')
  }
  const { topic, after = null, max = 500 } = body ?? {}
  if (typeof topic !== 'string' || !isFeedTopic(topic) || topic.length > 255 || (after !== null && !isCursor(after))) {
    return fail(422, 'A feed and a cursor are needed')
  }
  if (!(await ask({ claims, topic, action: 'read' }))) {
    return Response.json(
      { code: '42501', message: 'You do not have permissions to read from this feed' },
      { status: 403 },
    )
  }
  const most = typeof max === 'number' && max >= 1 ? Math.min(Math.floor(max), 1000) : 500
  try {
    return Response.json(await feeds.since(topic, after ?? undefined, most))
  } catch (error) {
    runtime.report(error, 'read a feed', { topic })
    return fail(503, 'The feed can not be read now')
  }
}

function parse(url: URL, base: string, text: string): OutgoingMessage[] | undefined {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return undefined
  }
  const one = /^\/([^/]+)\/events\/([^/]+)$/.exec(url.pathname.slice(base.length))
  if (one) {
    const [topic, event] = [decoded(one[1]), decoded(one[2])]
    if (!isName(topic) || !isName(event) || typeof body !== 'object' || body === null) return undefined
    return [
      { topic, event, payload: body as Record<string, unknown>, private: url.searchParams.get('private') === 'true' },
    ]
  }
  const list: unknown = (body as { messages?: unknown } | null)?.messages
  if (!Array.isArray(list) || url.pathname !== base) return undefined
  const messages: OutgoingMessage[] = []
  for (const each of list as Partial<Record<keyof OutgoingMessage, unknown>>[]) {
    const { topic, event, payload } = each ?? {}
    if (!isName(topic) || !isName(event) || typeof payload !== 'object' || payload === null) return undefined
    messages.push({
      topic,
      event,
      payload: payload as Record<string, unknown>,
      private: each.private === true,
    })
  }
  return messages
}

/** As the frames have it: no longer than its length can be said there. */
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 255

function decoded(part: string | undefined): string | undefined {
  try {
    return decodeURIComponent(part ?? '')
  } catch {
    return undefined
  }
}

function fail(status: number, error: string): Response {
  return Response.json({ error }, { status })
}
