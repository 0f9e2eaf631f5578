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
 * sending costs neither memory nor a connection.
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
  const reader = body.getReader()
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => undefined)
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await readFrom(reader, maxBytes, signal)
  } finally {
    signal?.removeEventListener('abort', cancel)
    cancel()
  }
}

async function readFrom(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<BoundedBody> {
  const decoder = new TextDecoder()
  let text = ''
  let left = maxBytes
  for (;;) {
    signal?.throwIfAborted()
    const { done, value } = await reader.read()
    // A body that was cancelled ends as one that is complete.
    signal?.throwIfAborted()
    if (done) return { text: text + decoder.decode(), complete: true }
    if (value.byteLength > left) return { text: text + decoder.decode(value.subarray(0, left)), complete: false }
    left -= value.byteLength
    text += decoder.decode(value, { stream: true })
  }
}
