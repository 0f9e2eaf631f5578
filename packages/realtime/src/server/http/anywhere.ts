import { randomHex } from '@msc/core'
import type { Admission } from '../admission/admission.ts'
import type { Directed } from '../bus/directed.ts'
import { MAX_PIECED_LENGTH } from '../bus/pieces.ts'
import { fail } from './answers.ts'
import { countedText, type OpenCall } from './handle-http.ts'

type Route = 'frames' | 'poll' | 'pollFrames'
type Handler = (call: OpenCall) => Promise<Response>

/** Lets every server answer the requests of a stream that another one has. */
export interface Anywhere {
  /** A secret name of a stream, which says who has it. */
  newSession(): string
  /** @param here What answers where the stream is. */
  route(name: Route, here: Handler): Handler
}

export interface AnywherePorts {
  /** Absent without a bus: then all streams are here. */
  readonly directed: Directed | undefined
  readonly admission: Admission
  readonly maxBytes: number
}

/** Milliseconds until the other server has answered: a poll waits for 20 s, and its client for 30 s. */
const POLL_MS = 25_000
const FRAMES_MS = 8000
/** Bytes of messages in an answer that goes over the bus, unless one message has more; the rest is in the next. */
const ANSWER_BYTES = 256 * 1024
/** Characters of a request that goes over the bus: sealed, they are four times as many at most. */
const MAX_LENGTH = 1024 * 1024
/** Header fields of an answer that mean something to a client. */
const KEPT = ['content-type', 'retry-after']

/**
 * The address and its limits are those of the server that the request came to, the account and its limits those of the one that has
 * the stream, which answers as it does anybody.
 */
export function createAnywhere({ directed, admission, maxBytes }: AnywherePorts): Anywhere {
  const handlers = new Map<string, Handler>()
  directed?.serve(async ({ route, stream, search, body }) => {
    const handler = handlers.get(String(route))
    if (!handler || typeof stream !== 'string' || typeof search !== 'string') return { status: 400 }
    const url = new URL(`http://127.0.0.1/${search}`)
    const request = new Request(url, typeof body === 'string' ? { method: 'POST', body } : {})
    return toFields(await handler({ request, url, params: { stream }, who: {}, maxAnswerBytes: ANSWER_BYTES }))
  })

  const forward = async (name: Route, to: string, call: OpenCall, other: Directed): Promise<Response> => {
    const { params, url } = call
    let body: string | undefined
    if (name !== 'poll') {
      const { text, refusal } = await countedText(call, admission, maxBytes)
      if (refusal) return refusal
      if (text.length > MAX_LENGTH) return fail(413, 'Too large to be handed on to the server of this session')
      body = text
    }
    const question = { route: name, stream: params['stream'], search: url.search, body }
    const answered = await other.ask(to, question, name === 'poll' ? POLL_MS : FRAMES_MS)
    if (answered === 'gone') return fail(410, 'The session has ended')
    return answered === 'unavailable' ? unavailable() : toResponse(answered.answer)
  }

  return {
    newSession: () => (directed ? `${directed.id}.${randomHex(16)}` : randomHex(16)),
    route(name, here) {
      handlers.set(name, here)
      return (call) => {
        const owner = /^([0-9a-f]{1,64})\.[0-9a-f]{32}$/.exec(call.params['stream'] ?? '')?.[1]
        return !directed || owner === undefined || owner === directed.id
          ? here(call)
          : forward(name, owner, call, directed)
      }
    },
  }
}

/** The client asks again: polls and their frames are numbered, so nothing is lost or taken twice by it. */
const unavailable = (): Response => fail(503, 'The server of this session can not be reached')

async function toFields(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const text = await response.text()
  if (text.length > MAX_PIECED_LENGTH / 2) return tooLarge(text)
  const headers = KEPT.flatMap((name) => {
    const value = response.headers.get(name)
    return value === null ? [] : [[name, value]]
  })
  return { status: response.status, text, headers: Object.fromEntries(headers) }
}

/** A single message that can't be handed on. The client begins another session, and hears that something is missing. */
function tooLarge(text: string): Readonly<Record<string, unknown>> {
  const { from } = JSON.parse(text.slice(0, text.indexOf('\n'))) as { readonly from?: unknown }
  const end = { code: 1009, reason: 'A message is too large to be handed on' }
  return { status: 200, text: `${JSON.stringify({ from, end })}\n`, headers: { 'content-type': 'text/plain' } }
}

function toResponse({ status, text, headers }: Readonly<Record<string, unknown>>): Response {
  if (!Number.isInteger(status) || Number(status) < 200 || Number(status) > 599) return unavailable()
  const given = (headers ?? {}) as Readonly<Record<string, unknown>>
  const kept = KEPT.flatMap((name) =>
    typeof given[name] === 'string' ? [[name, given[name]] as [string, string]] : [],
  )
  const body = typeof text === 'string' && text !== '' ? text : null
  return new Response(body, { status: Number(status), headers: kept })
}
