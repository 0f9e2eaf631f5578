import { textOfRefusal, type Refusal } from '../admission/admission.ts'

/** Why something was not taken. A client decides by it what to do next. */
export type RefusalCode =
  | 'PAYLOAD_TOO_LARGE'
  | 'PAYLOAD_TOO_DEEP'
  | 'PAYLOAD_INVALID'
  | 'RATE_LIMITED'
  | 'ROOM_BUSY'
  | 'FORBIDDEN'
  | 'PRIVATE_ONLY'
  | 'ENDED'
  | 'MESSAGE_UNKNOWN'
  | 'MESSAGE_FULL'
  | 'UNAVAILABLE'

export interface Refused {
  readonly code: RefusalCode
  /** `<Code>: <text>`, in Supabase's words where it has them. */
  readonly reason: string
  /** The same may be accepted later. */
  readonly retryable: boolean
  /** Milliseconds after which it may be. */
  readonly retryAfterMs?: number | undefined
}

/** Supabase's words for a code, or ours in its manner. */
const WORDS: Readonly<Record<RefusalCode, string>> = {
  PAYLOAD_TOO_LARGE: 'PayloadTooLarge',
  PAYLOAD_TOO_DEEP: 'PayloadTooDeep',
  PAYLOAD_INVALID: 'PayloadInvalid',
  RATE_LIMITED: 'RateLimitReached',
  ROOM_BUSY: 'RoomBusy',
  FORBIDDEN: 'Unauthorized',
  PRIVATE_ONLY: 'PrivateOnly',
  ENDED: 'Unauthorized',
  MESSAGE_UNKNOWN: 'MessageUnknown',
  MESSAGE_FULL: 'MessageFull',
  UNAVAILABLE: 'Unavailable',
}
const RETRYABLE: ReadonlySet<RefusalCode> = new Set(['RATE_LIMITED', 'ROOM_BUSY', 'UNAVAILABLE'])

/** A refusal for a reason in our words. What has a time after which it may be tried again is retryable. */
export function refusal(code: RefusalCode, text: string, retryAfterMs?: number): Refused {
  return refusalSaying(code, `${WORDS[code]}: ${text}`, retryAfterMs)
}

/** A refusal whose reason is Supabase's own. */
export function refusalSaying(code: RefusalCode, reason: string, retryAfterMs?: number): Refused {
  return { code, reason, retryable: retryAfterMs !== undefined || RETRYABLE.has(code), retryAfterMs }
}

/** A refusal by a limit of an account or an address. */
export const limited = (found: Refusal): Refused => refusal('RATE_LIMITED', textOfRefusal(found), found.retryAfterMs)

export const SESSION_ENDED = 'The session has ended'
export const SESSION_UNKNOWN = 'Whether the session goes on can not be said now'
export const ENDED: Refused = refusal('ENDED', SESSION_ENDED)
export const UNAVAILABLE: Refused = refusal('UNAVAILABLE', SESSION_UNKNOWN, 1000)
export const UNASKED_TEXT = 'Whether you may do this can not be said now'
/** The policies, or a function of the application's, could not be asked. It is no refusal for good. */
export const UNASKED: Refused = refusal('UNAVAILABLE', UNASKED_TEXT, 1000)
export const PRIVATE_ONLY_TEXT = 'This project only allows private channels'
export const PRIVATE_ONLY: Refused = refusal('PRIVATE_ONLY', PRIVATE_ONLY_TEXT)
export const REMOVED_TEXT = 'You were removed from this Channel topic'
/** For a room in which too much waits to be sent already. */
export const ROOM_BUSY_MS = 1000
export const ROOM_BUSY_TEXT = 'Too many messages wait in this room'
export const ROOM_BUSY: Refused = refusal('ROOM_BUSY', ROOM_BUSY_TEXT, ROOM_BUSY_MS)

/**
 * The payload of a reply whose status is `error`. What a program decides by is not in the response: Supabase's SDK makes its
 * error of all the values there.
 */
export interface RefusedReply {
  readonly status: 'error'
  readonly response: { readonly reason: string }
  readonly msc: { readonly code: RefusalCode; readonly retryable: boolean; readonly retry_after_ms?: number }
}

export function refusedReply({ code, reason, retryable, retryAfterMs }: Refused): RefusedReply {
  const wait = retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) }
  return { status: 'error', response: { reason }, msc: { code, retryable, ...wait } }
}
