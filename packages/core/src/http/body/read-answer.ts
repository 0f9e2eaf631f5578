import { readBytes, webSource } from './read-bytes.ts'

/** The text of a response body, up to a limit. */
export interface BoundedBody {
  readonly text: string
  /** False if the body was longer; the rest was not read. */
  readonly complete: boolean
}

/** The default limit for a response body, in bytes. It has room for a receipt, a problem document or a few hundred flags. */
export const MAX_ANSWER_BYTES: number = 1024 * 1024

/**
 * Reads at most `maxBytes` of a response body as text and cancels the rest, so that a backend that never stops sending
 * costs neither memory nor a connection. Bytes that are not valid UTF-8 become U+FFFD.
 *
 * @param signal Stops the read, which then rejects with the signal's reason.
 * @throws The error that the body's stream fails with.
 */
export async function readBounded(
  response: Pick<Response, 'body' | 'text'>,
  maxBytes: number = MAX_ANSWER_BYTES,
  signal?: AbortSignal,
): Promise<BoundedBody> {
  const { body } = response
  if (body === null) return { text: '', complete: true }
  // Some runtimes, such as React Native, have no response streams.
  if (body === undefined) return { text: (await response.text()).slice(0, maxBytes), complete: true }
  const { bytes, complete } = await readBytes(webSource(body), maxBytes, signal)
  return { text: new TextDecoder().decode(bytes), complete }
}

/** A response whose body was read up to a limit, in the form that `judgeAnswer` takes. */
export interface ReadAnswer {
  /** 302 for a redirect that was not followed, because browsers hide its status. */
  readonly status: number
  readonly headers: Headers
  readonly content: BoundedBody
}

/** Reads a response like {@link readBounded}, and returns its status and headers too. */
export async function readAnswer(response: Response, signal?: AbortSignal, maxBytes?: number): Promise<ReadAnswer> {
  const content = await readBounded(response, maxBytes, signal)
  const { type, status, headers } = response
  return { status: type === 'opaqueredirect' ? 302 : status, headers, content }
}
