import { pageJson } from '../../feed/page.ts'
import { isCursor } from '../../feed/position.ts'
import type { FeedSource } from '../../feed/source.ts'
import type { Admission } from '../admission/admission.ts'
import type { Bans } from '../admission/bans.ts'
import type { Departures } from '../admission/departures.ts'
import { fail, privateOnly, roomBusy, sessionEnded, tooMany, unasked, unfit } from './answers.ts'
import { countedText, tooManyAtOnce, type Call } from './handle-http.ts'
import type { Ask } from '../policies/permissions.ts'
import { broadcast, hasRoomFor, type Broadcast } from '../rooms/broadcast.ts'
import type { History } from '../history/history.ts'
import { UNSTORABLE_TEXTS, whyUnstorable } from '../history/unstorable.ts'
import type { Rooms } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'
import { isFeedTopic } from '../session/context.ts'
import { REMOVED_TEXT } from '../session/refusal.ts'
import { fitsName, NAME_RULE } from '../../base/name.ts'
import { markNumbers, restoreNumbers } from '../wire/exact.ts'
import { flagOf } from '../wire/flag.ts'
import { isTooDeep, MAX_DEPTH, parseBounded } from '../wire/depth.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'

export interface RestContext {
  readonly maxBytes: number
  readonly maxMessages: number
  readonly ask: Ask
  readonly admission: Admission
  readonly bans: Bans
  readonly departures: Departures
  readonly rooms: Rooms
  readonly privateOnly: boolean
  readonly feeds: FeedSource | undefined
  readonly history: History | undefined
  /** What is answered once the server has been closed. */
  gone(): Response | undefined
  readonly runtime: Runtime
}

/** Supabase's REST broadcast: `{messages}`. 202 when taken, all of them or none. */
export async function broadcastMany(call: Call, context: RestContext): Promise<Response> {
  type Body = { messages?: unknown } | null
  type Message = Readonly<Record<string, unknown>> | null
  return broadcastAll(call, context, (body, marked) => {
    const [list, written] = [(body as Body)?.messages, (marked as Body)?.messages]
    if (!Array.isArray(list) || !Array.isArray(written)) return undefined
    const messages: Broadcast[] = []
    for (const [index, each] of (list as Message[]).entries()) {
      const payload = (written[index] as Message)?.['payload']
      const message = messageOf(each?.['topic'], each?.['event'], payload, each?.['private'])
      if (!message) return undefined
      messages.push(message)
    }
    return messages
  })
}

/** The same with one message, whose payload is the body. */
export async function broadcastOne(call: Call, context: RestContext): Promise<Response> {
  const { topic, event } = call.params
  return broadcastAll(call, context, (_body, marked) => {
    const message = messageOf(topic, event, marked, call.url.searchParams.get('private'))
    return message && [message]
  })
}

/** A message with the text that everybody will get, its numbers with all their digits: nothing that a stranger sent is encoded after it was accepted. */
function messageOf(topic: unknown, event: unknown, payload: unknown, flag: unknown): Broadcast | undefined {
  const isPrivate = flagOf(flag)
  if (isPrivate === undefined) return undefined
  if (!isName(topic, CHANNEL) || !isName(event) || payload === undefined) return undefined
  return { topic, event, payload: restoreNumbers(JSON.stringify(payload)), private: isPrivate }
}

async function broadcastAll(
  call: Call,
  context: RestContext,
  parse: (body: unknown, marked: unknown) => Broadcast[] | undefined,
): Promise<Response> {
  const { claims, who } = call
  const { text, refusal } = await countedText(call, context.admission, context.maxBytes)
  if (refusal) return refusal
  const body = json(text)
  if ('refused' in body) return body.refused
  const marked = markNumbers(text)
  const messages = parse(body.value, marked === undefined ? body.value : JSON.parse(marked))
  if (!messages) {
    return unfit(
      'PAYLOAD_INVALID',
      `Each message needs a topic and an event of ${NAME_RULE}, and a payload; private is true or false`,
    )
  }
  if (context.privateOnly && messages.some((message) => !message.private)) return privateOnly()
  if (claims.role !== 'service_role') {
    if (messages.length > context.maxMessages) return tooManyAtOnce(context.maxMessages)
    const refused = context.admission.take(who, { messagesPerMinute: messages.length })
    if (refused) return tooMany(refused)
    const topics = new Set(messages.filter((message) => message.private).map(({ topic }) => topic))
    for (const topic of topics) {
      const may = await context.ask({ claims, topic, action: 'write' })
      if (may === 'unavailable') return unasked()
      if (may === 'denied') {
        return fail(403, `You do not have permissions to write to this Channel topic: ${topic}`)
      }
    }
    const isKeptOut = messages.some((message) => context.bans.left(claims, message.topic, message.private) > 0)
    if (isKeptOut) return fail(403, REMOVED_TEXT)
  }
  if (call.isEnded()) return sessionEnded()
  // It may have been closed while the policies were asked.
  const gone = context.gone()
  if (gone) return gone
  // Nothing is waited for from here on, so that all of them find the room that there is, or none.
  if (!hasRoomFor(context.rooms, messages)) return roomBusy()
  const { history, rooms, runtime } = context
  const kept = messages.filter((message) => history?.keeps(message.topic, message.private))
  try {
    if (kept.length > 0) await history?.publish(kept, { by: claims.sub })
  } catch (error) {
    const why = whyUnstorable(error)
    if (why === 'PAYLOAD_TOO_LARGE') return fail(413, UNSTORABLE_TEXTS[why])
    if (why) return unfit('PAYLOAD_INVALID', 'The history can not keep it')
    runtime.report(error, 'keep messages')
    return fail(503, 'The messages can not be kept now')
  }
  for (const message of messages) if (!kept.includes(message)) broadcast(rooms, message)
  return new Response(null, { status: 202 })
}

/** Rows of a page, and at most. */
const PAGE = 500
const MAX_PAGE = 1000

/** The history of a feed, as PostgREST serves the database's function to the vendor's SDK. */
export async function readSince(call: Call, context: RestContext): Promise<Response> {
  const { feeds, ask, runtime, admission } = context
  const { claims, who } = call
  const { text, refusal } = await countedText(call, admission, context.maxBytes)
  if (refusal) return refusal
  if (!feeds) return Response.json({ code: 'PGRST202', message: 'No feeds are kept here' }, { status: 404 })
  const body = json(text)
  if ('refused' in body) return body.refused
  const { topic, after = null, max } = (body.value ?? {}) as Readonly<Record<string, unknown>>
  if (!isName(topic, CHANNEL) || !isFeedTopic(topic) || (after !== null && !isCursor(after))) {
    return fail(422, 'A feed and a cursor are needed')
  }
  const most = max ?? PAGE
  if (typeof most !== 'number' || !Number.isSafeInteger(most) || most < 1)
    return fail(422, '`max` is a number of messages')
  const refused = admission.take(who, { feedReadsPerMinute: 1 })
  if (refused) return tooMany(refused)
  const no = (): Response =>
    Response.json({ code: '42501', message: 'You do not have permissions to read from this feed' }, { status: 403 })
  // They may be taken out of its readers, or sent out of the topic, while the policies are asked and it is read.
  const watch = context.departures.watch([topic], claims.sub)
  try {
    const may = await ask({ claims, topic, action: 'read' })
    if (may !== 'allowed') return may === 'denied' ? no() : unasked()
    // As above: its database may be gone too.
    const gone = context.gone()
    if (gone) return gone
    const page = await feeds.since(topic, after ?? undefined, Math.min(most, MAX_PAGE))
    if (call.isEnded()) return sessionEnded()
    const departure = watch.over()
    if (departure === 'unsure') return unasked()
    if (departure || context.bans.left(claims, topic, true) > 0) return no()
    return new Response(pageJson(page), { headers: JSON_TYPE })
  } catch (error) {
    runtime.report(error, 'read a feed', { topic })
    return fail(503, 'The feed can not be read now')
  } finally {
    watch.over()
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** As the frames have it: no longer than its length can be said there. */
const isName = (value: unknown, prefix = ''): value is string =>
  typeof value === 'string' && value !== '' && fitsName(prefix + value)

type Json = { readonly value: unknown } | { readonly refused: Response }

function json(text: string): Json {
  try {
    return { value: parseBounded(text) }
  } catch (error) {
    const refused = isTooDeep(error)
      ? unfit('PAYLOAD_TOO_DEEP', `JSON has at most ${MAX_DEPTH} levels`)
      : unfit('PAYLOAD_INVALID', 'Not JSON')
    return { refused }
  }
}
