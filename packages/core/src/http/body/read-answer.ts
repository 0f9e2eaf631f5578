import { readBytes, webSource } from './read-bytes.ts'

/** The beginning of an answer's body. */
export interface BoundedBody {
  readonly text: string
  /** False when there was more, which was not read. */
  readonly complete: boolean
}

/** What a foreign answer may have where nothing else is said: a receipt, a problem, a few hundred flags. */
export const MAX_ANSWER_BYTES: number = 1024 * 1024

/**
 * Reads the body of an answer as text, at most `maxBytes` of it, and cancels the rest, so that a backend that never stops
 * sending costs neither memory nor a connection. What is no UTF-8 becomes U+FFFD.
 *
 * @param signal Ends the reading; rejects with its reason.
 * @throws What the body fails with.
 */
export async function readBounded(
  response: Pick<Response, 'body' | 'text'>,
  maxBytes: number = MAX_ANSWER_BYTES,
  signal?: AbortSignal,
): Promise<BoundedBody> {
  const { body } = response
  if (body === null) return { text: '', complete: true }
  // A runtime without streams, such as React Native.
  if (body === undefined) return { text: (await response.text()).slice(0, maxBytes), complete: true }
  const { bytes, complete } = await readBytes(webSource(body), maxBytes, signal)
  return { text: new TextDecoder().decode(bytes), complete }
}

/** An answer with the beginning of its body, as `judgeAnswer` takes it. */
export interface ReadAnswer {
  /** 302 for a redirect that was not followed, which is opaque in browsers. */
  readonly status: number
  readonly headers: Headers
  readonly content: BoundedBody
}

/** {@link readBounded}, with the status and the headers beside it. */
export async function readAnswer(response: Response, signal?: AbortSignal, maxBytes?: number): Promise<ReadAnswer> {
  const content = await readBounded(response, maxBytes, signal)
  const { type, status, headers } = response
  return { status: type === 'opaqueredirect' ? 302 : status, headers, content }
}
