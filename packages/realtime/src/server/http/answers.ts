import { problem } from '@msc/core/http-request'
import { FULL_MS, textOfRefusal, type Refusal } from '../admission/admission.ts'
import type { RefusedCode } from '../counters.ts'
import {
  PRIVATE_ONLY_TEXT,
  ROOM_BUSY_MS,
  ROOM_BUSY_TEXT,
  SESSION_ENDED,
  SESSION_UNKNOWN,
  UNASKED_TEXT,
} from '../session/refusal.ts'

export { SESSION_ENDED, SESSION_UNKNOWN } from '../session/refusal.ts'

/** On every answer of the server: none is to be kept by what is in between, or taken for something that it does not say. */
export const PROTECTED: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

/** Adds the header fields that every answer has. */
export function protectedAnswer(response: Response): Response {
  response.headers.set('x-content-type-options', 'nosniff')
  const control = response.headers.get('cache-control')
  // A stream also says that nothing may be changed on the way.
  if (!control?.includes('no-store')) response.headers.set('cache-control', 'no-store')
  return response
}

/**
 * Milliseconds after which what was answered so may be tried again, where nothing more is known of it. At 503 another server takes it,
 * or the next one here.
 */
export const retryMsOf = (status: number): number | undefined =>
  status === 429 ? FULL_MS : status === 503 ? 1000 : undefined

/** The header field that says so: of every 429 and 503, whatever the door. */
export const retryAfter = (ms: number | undefined): Readonly<Record<string, string>> =>
  ms === undefined ? {} : { 'retry-after': String(Math.ceil(ms / 1000)) }

/** Only this server says `msc`: by it a client tells a refusal from that of a gateway on the way. */
export function fail(status: number, error: string, more: Readonly<Record<string, string>> = {}): Response {
  const headers = { ...retryAfter(retryMsOf(status)), ...more }
  return Response.json({ error, msc: { code: codeOfStatus(status) } }, { status, headers })
}

/** 429 with `Retry-After`; `error` is where the other answers of this server, and the SDKs, have the text. */
export function tooMany(refusal: Refusal): Response {
  const error = textOfRefusal(refusal)
  const { limit, of, retryAfterMs } = refusal
  const code = 'RATE_LIMITED'
  const extensions = { error, limit, of, msc: { code } }
  return problem({ status: 429, title: error, code, retryAfterMs, extensions })
}

export const sessionEnded = (): Response => fail(401, SESSION_ENDED)
export const sessionUnknown = (): Response => fail(503, SESSION_UNKNOWN)

/** The policies could not be asked. */
export const unasked = (): Response => fail(503, UNASKED_TEXT)

/** The room is too busy for all of the request, so that none of it was taken. */
export function roomBusy(): Response {
  const extensions = { error: ROOM_BUSY_TEXT }
  return coded(
    problem({ status: 429, title: ROOM_BUSY_TEXT, code: 'ROOM_BUSY', retryAfterMs: ROOM_BUSY_MS, extensions }),
    'ROOM_BUSY',
  )
}

/** A public topic, where there are none. */
export function privateOnly(): Response {
  const extensions = { error: PRIVATE_ONLY_TEXT }
  return coded(problem({ status: 403, title: PRIVATE_ONLY_TEXT, code: 'PRIVATE_ONLY', extensions }), 'PRIVATE_ONLY')
}

/** A body that is no JSON as it should be. */
export function unfit(code: 'PAYLOAD_TOO_DEEP' | 'PAYLOAD_INVALID', error: string): Response {
  return coded(problem({ status: 422, title: error, code, extensions: { error } }), code)
}

const codes = new WeakMap<Response, RefusedCode>()

function coded(response: Response, code: RefusedCode): Response {
  codes.set(response, code)
  return response
}

/** What a status alone says of why something was refused. */
const BY_STATUS: Readonly<Record<number, RefusedCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  408: 'PAYLOAD_INVALID',
  410: 'ENDED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'PAYLOAD_INVALID',
  422: 'PAYLOAD_INVALID',
  429: 'RATE_LIMITED',
  503: 'UNAVAILABLE',
}

/** Under which reason a status is counted; `undefined` where nothing was refused. */
export const codeOfStatus = (status: number): RefusedCode | undefined =>
  status < 400 ? undefined : (BY_STATUS[status] ?? 'OTHER')

export const codeOfAnswer = (response: Response): RefusedCode | undefined =>
  codes.get(response) ?? codeOfStatus(response.status)
