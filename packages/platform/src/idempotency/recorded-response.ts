import { ConfigError, assertList, assertText } from '@msc/core'
import { readBody } from '@msc/core/http-request'

/** An answer as it is kept. */
export interface RecordedResponse {
  readonly status: number
  /** Pairs of name and value, as JSON. */
  readonly headers: string
  /** In base64. */
  readonly body: string
}

const REPLAYED = 'idempotency-replayed'

const CONTENT_HEADERS: readonly string[] = [
  'content-type',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'cache-control',
  'etag',
  'last-modified',
  'link',
  'location',
]
/** What is given to one connection or one person, once. */
const NEVER_KEPT = /^(?:set-cookie2?|authorization|cookie|proxy-.*|www-authenticate|authentication-info)$/

/** Answers that depend on the moment or on who asks, and not on what was asked for. */
const NOT_KEPT: readonly number[] = [401, 403, 408, 425, 429]
/** Milliseconds that a body may take to end. */
const BODY_MS = 1000
/** Answers of these can't be made with a body. Source: the Fetch standard, "null body status". */
const WITHOUT_BODY: readonly number[] = [204, 205, 304]

/**
 * Returns the names of the header fields that are kept, in lower case.
 *
 * @throws ConfigError `OPTION_INVALID` for one that carries a secret.
 */
export function keptHeaders(more: readonly string[] = []): readonly string[] {
  assertList('idempotency', 'headers', more)
  for (const [index, name] of more.entries()) assertText('idempotency', `headers[${index}]`, name)
  const names = more.map((name) => name.toLowerCase())
  const secret = names.find((name) => NEVER_KEPT.test(name))
  if (secret === undefined) return [...new Set([...CONTENT_HEADERS, ...names])]
  throw new ConfigError(`[msc/idempotency] The header field \`${secret}\` is never kept.`, {
    code: 'OPTION_INVALID',
    hint: 'Take it out of `headers`: it may carry a secret.',
  })
}

/** Returns what is kept of an answer; `undefined` when it is not kept. Leaves the answer to be sent. */
export async function recordOf(
  response: Response,
  names: readonly string[],
  maxBytes: number,
): Promise<RecordedResponse | undefined> {
  const { status, headers } = response
  const isKept = status >= 200 && status < 500 && !NOT_KEPT.includes(status)
  const isStream = headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
  if (!isKept || isStream || headers.has('set-cookie') || response.bodyUsed) return undefined
  // A branch of the same stream: what is read here waits for the client, which is no more than `maxBytes` and a chunk.
  const copy = response.clone()
  const { bytes } = await readBody(copy, { maxBytes, timeoutMs: BODY_MS })
  if (!bytes) return undefined
  const pairs = names.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value]]
  })
  return { status, headers: JSON.stringify(pairs), body: toBase64(bytes) }
}

export function replay({ status, headers, body }: RecordedResponse): Response {
  const content = WITHOUT_BODY.includes(status) ? null : fromBase64(body)
  const response = new Response(content, { status, headers: JSON.parse(headers) as [string, string][] })
  response.headers.set(REPLAYED, 'true')
  return response
}

/** In pieces: a call takes only so many arguments. */
function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  // Postgres breaks its base64 into lines, which `atob` takes.
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
