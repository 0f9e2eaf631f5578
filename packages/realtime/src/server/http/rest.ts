import { parseJson } from '@msc/core/http-request'
import type { OutgoingMessage } from '../../driver.ts'
import { pageJson } from '../../feed/page.ts'
import { isCursor } from '../../feed/position.ts'
import type { FeedSource } from '../../feed/source.ts'
import type { Admission } from '../admission/admission.ts'
import { fail, sessionEnded, tooMany } from './answers.ts'
import { countedText, tooManyAtOnce, type Call } from './handle-http.ts'
import type { Ask } from '../policies/permissions.ts'
import type { Runtime } from '../runtime.ts'
import { isFeedTopic } from '../session/session.ts'

export interface RestContext {
  readonly maxBytes: number
  readonly maxMessages: number
  readonly ask: Ask
  readonly admission: Admission
  publish(message: OutgoingMessage): void
  readonly feeds: FeedSource | undefined
  readonly runtime: Runtime
}

/** Supabase's REST broadcast: `{messages}`. 202 when taken, all of them or none. */
export async function broadcastMany(call: Call, context: RestContext): Promise<Response> {
  return broadcastAll(call, context, (body) => {
    const list: unknown = (body as { messages?: unknown } | null)?.messages
    if (!Array.isArray(list)) return undefined
    const messages: OutgoingMessage[] = []
    for (const each of list as (Partial<Record<keyof OutgoingMessage, unknown>> | null)[]) {
      const { topic, event, payload } = each ?? {}
      if (!isName(topic) || !isName(event) || typeof payload !== 'object' || payload === null) return undefined
      const isPrivate = each?.private === true
      messages.push({ topic, event, payload: payload as Record<string, unknown>, private: isPrivate })
    }
    return messages
  })
}

/** The same with one message, whose payload is the body. */
export async function broadcastOne(call: Call, context: RestContext): Promise<Response> {
  const { topic, event } = call.params
  return broadcastAll(call, context, (body) => {
    if (!isName(topic) || !isName(event) || typeof body !== 'object' || body === null) return undefined
    const isPrivate = call.url.searchParams.get('private') === 'true'
    return [{ topic, event, payload: body as Record<string, unknown>, private: isPrivate }]
  })
}

async function broadcastAll(
  call: Call,
  context: RestContext,
  parse: (body: unknown) => OutgoingMessage[] | undefined,
): Promise<Response> {
  const { claims, who } = call
  const { text, refusal } = await countedText(call, context.admission, context.maxBytes)
  if (refusal) return refusal
  const messages = parse(json(text))
  if (!messages) return fail(422, 'Each message needs a topic, an event and a payload')
  if (claims.role !== 'service_role') {
    if (messages.length > context.maxMessages) return tooManyAtOnce(context.maxMessages)
    const refused = context.admission.take(who, { messagesPerMinute: messages.length })
    if (refused) return tooMany(refused)
    const topics = new Set(messages.filter((message) => message.private).map(({ topic }) => topic))
    for (const topic of topics) {
      if (!(await context.ask({ claims, topic, action: 'write' }))) {
        return fail(403, `You do not have permissions to write to this Channel topic: ${topic}`)
      }
    }
  }
  if (call.isEnded()) return sessionEnded()
  for (const message of messages) context.publish(message)
  return new Response(null, { status: 202 })
}

/** The history of a feed, as PostgREST serves the database's function to the vendor's SDK. */
export async function readSince(call: Call, context: RestContext): Promise<Response> {
  const { feeds, ask, runtime, admission } = context
  const { claims, who } = call
  const { text, refusal } = await countedText(call, admission, context.maxBytes)
  if (refusal) return refusal
  if (!feeds) return Response.json({ code: 'PGRST202', message: 'No feeds are kept here' }, { status: 404 })
  const body = json(text) as { topic?: unknown; after?: unknown; max?: unknown } | null | undefined
  if (body === undefined) return fail(422, 'Not JSON')
  const { topic, after = null, max = 500 } = body ?? {}
  if (typeof topic !== 'string' || !isFeedTopic(topic) || topic.length > 255 || (after !== null && !isCursor(after))) {
    return fail(422, 'A feed and a cursor are needed')
  }
  const refused = admission.take(who, { feedReadsPerMinute: 1 })
  if (refused) return tooMany(refused)
  if (!(await ask({ claims, topic, action: 'read' }))) {
    return Response.json(
      { code: '42501', message: 'You do not have permissions to read from this feed' },
      { status: 403 },
    )
  }
  const most = typeof max === 'number' && max >= 1 ? Math.min(Math.floor(max), 1000) : 500
  try {
    const page = await feeds.since(topic, after ?? undefined, most)
    return call.isEnded() ? sessionEnded() : new Response(pageJson(page), { headers: JSON_TYPE })
  } catch (error) {
    runtime.report(error, 'read a feed', { topic })
    return fail(503, 'The feed can not be read now')
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** As the frames have it: no longer than its length can be said there. */
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 255

/** `undefined` for what is no JSON, or nested too deeply. */
function json(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
