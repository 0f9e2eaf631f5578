import { problem } from '@msc/core/http-request'
import { textOfRefusal, type Refusal } from '../admission/admission.ts'

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

export const fail = (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Response =>
  Response.json({ error }, { status, headers })

/** 429 with `Retry-After`; `error` is where the other answers of this server, and the SDKs, have the text. */
export function tooMany(refusal: Refusal): Response {
  const error = textOfRefusal(refusal)
  const { limit, of, retryAfterMs } = refusal
  return problem({ status: 429, title: error, code: 'RATE_LIMITED', retryAfterMs, extensions: { error, limit, of } })
}

export const sessionEnded = (): Response => fail(401, SESSION_ENDED)
export const sessionUnknown = (): Response => fail(503, SESSION_UNKNOWN, { 'retry-after': '1' })

export const SESSION_ENDED = 'The session has ended'
export const SESSION_UNKNOWN = 'Whether the session goes on can not be said now'
