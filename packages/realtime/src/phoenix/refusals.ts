import type * as Core from '@msc/core'

type Kind = Pick<Core.DriverErrorOptions, 'refuses'> & {
  readonly code: string
  readonly retryable: boolean
  readonly hint?: string
}

const TOO_LARGE: Kind = {
  // The server refused a message or a tracked state as too large.
  code: 'REALTIME_PAYLOAD_TOO_LARGE',
  retryable: false,
  refuses: 'content',
  hint: 'Send less at a time, or raise `limits` of the realtime server.',
}
const INVALID: Kind = {
  // The server refused a payload: nested too deeply, or not what it takes.
  code: 'REALTIME_PAYLOAD_INVALID',
  retryable: false,
  refuses: 'content',
  hint: 'Read the reason, and send something else.',
}
const LIMITED: Kind = {
  // Too much at once, of this client, its account or its address, or in this room.
  code: 'REALTIME_RATE_LIMITED',
  retryable: true,
  hint: 'Wait for `retryAfterMs`, where the server said it, or send less.',
}
const TOKEN: Kind = {
  // The server does not take the token: it has expired, its session has ended, or it is none.
  code: 'REALTIME_TOKEN_REFUSED',
  retryable: false,
  hint: 'Read the reason: `getToken` has to return a token that is valid now, signed with the secret of the server.',
}
const NOBODY: Kind = {
  ...TOKEN,
  hint: 'Pass `apiKey`, a token with the role `anon`: with it pages join public channels while nobody is signed in.',
}
const OTHER: Kind = {
  // The server refused what it was asked for.
  code: 'REALTIME_REFUSED',
  retryable: false,
}

const UNKNOWN: Kind = {
  // There is no such message in the topic: there never was, it is deleted, or it is kept no more.
  code: 'REALTIME_MESSAGE_UNKNOWN',
  retryable: false,
  hint: 'Pass the `id` of a message of this very topic, and take it from the screen: it is gone.',
}
const FULL: Kind = {
  // The message has as many reactions, or changes, as it may have.
  code: 'REALTIME_MESSAGE_FULL',
  retryable: false,
  hint: 'Use a reaction that others have used, or write another message.',
}

/** By the server's code. A Map, as the code is the server's word. */
const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ['PAYLOAD_TOO_LARGE', TOO_LARGE],
  ['PAYLOAD_TOO_DEEP', INVALID],
  ['PAYLOAD_INVALID', INVALID],
  ['RATE_LIMITED', LIMITED],
  ['ROOM_BUSY', LIMITED],
  ['TOKEN_REFUSED', TOKEN],
  ['UNAVAILABLE', { ...OTHER, retryable: true }],
  ['MESSAGE_UNKNOWN', UNKNOWN],
  ['MESSAGE_FULL', FULL],
  // As Supabase says it.
  ['payload_size_exceeded', TOO_LARGE],
])

type Values = Readonly<Record<string, unknown>> | null | undefined
interface Said {
  readonly response?: Values
  readonly msc?: Values
  /** Of a connection that was closed. */
  readonly code?: unknown
  readonly reason?: unknown
}

/** A connection that is closed before it was accepted was closed for its token, unless the server says something else. */
const saidBy = ({ response, msc, code, reason }: Said): { readonly reason: unknown; readonly msc: Values } =>
  code === undefined ? { reason: response?.['reason'], msc } : { reason, msc: msc ?? { code: 'TOKEN_REFUSED' } }

/**
 * An error reply, or the end of a connection that was refused, as an error, in the server's words. What it says of another try is believed; without a word of it only what
 * comes too fast is worth one.
 *
 * @param core What the page has loaded already.
 * @param token Whose the connection is; empty for nobody where the application has no key either.
 * @param driver Whose error it is.
 */
export function refusal(
  { DriverError }: Pick<typeof Core, 'DriverError'>,
  reply: unknown,
  token?: string,
  driver = 'embedded',
): Core.DriverError {
  const { reason, msc } = saidBy(Object(reply) as Said)
  // `nobody`: of a server in this process.
  const { code: said, retryable, retry_after_ms: retryAfterMs, nobody } = msc ?? {}
  const known = KINDS.get(said) ?? OTHER
  const kind = known === TOKEN && (token === '' || nobody === true) ? NOBODY : known
  if (kind === NOBODY) return new DriverError(driver, 'Nobody is signed in, and there is no `apiKey`.', kind)
  return new DriverError(driver, typeof reason === 'string' && reason ? reason : 'The server refused.', {
    ...kind,
    ...(typeof retryable === 'boolean' && { retryable }),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && { retryAfterMs: Math.min(retryAfterMs, 3_600_000) }),
  })
}
