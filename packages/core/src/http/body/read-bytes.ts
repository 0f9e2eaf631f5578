// This file must not import anything. A page loads it late, and the bundler would put each module that it shares with the
// code that a page loads first into a chunk of its own.

/** The part of a `ReadableStream` that `webSource` uses. */
export interface WebBody {
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): PromiseLike<void> }
}

/** A source of bytes: a web stream or a Node request. */
export interface ByteSource {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>
  /** Called once the reader needs no more bytes. It may throw or never settle, because nothing waits for it. */
  leave(reason: unknown): PromiseLike<unknown> | undefined
}

export interface BytesRead {
  readonly bytes: Uint8Array
  /** False if the source had more bytes; they were not read. */
  readonly complete: boolean
}

/** The most empty chunks in a row. */
const MAX_EMPTY_CHUNKS = 1000
/** Chunks after which timers get a turn: a stream that always has another one ready would starve the deadline. */
const CHUNKS_IN_A_TURN = 500

/** Locks a web stream and makes it a source. Throws a TypeError if the stream is already locked. */
export function webSource(body: WebBody): ByteSource {
  const reader = body.getReader()
  return { read: () => reader.read(), leave: (reason) => reader.cancel(reason) }
}

/**
 * Reads at most `maxBytes` of a source and leaves the rest.
 *
 * @param signal Leaves the source when it aborts, which ends a pending read of a web stream; rejects with its reason. A
 *   source that ignores `leave` can keep this call pending, so `readBody` does not rely on it.
 * @param turn Resolves when timers have had a turn. Default: the source's own waits are enough, as those of a network are.
 * @throws The error that the source fails with; TypeError for a chunk that is not a `Uint8Array`, and for empty chunks
 *   without end.
 */
export async function readBytes(
  source: ByteSource,
  maxBytes: number,
  signal?: AbortSignal,
  turn?: () => Promise<void>,
): Promise<BytesRead> {
  const kept = new GrowingBuffer(maxBytes)
  const leave = (): void => {
    try {
      source.leave(signal?.reason)?.then(undefined, () => undefined)
    } catch {
      // The caller already has the bytes or an error, so a failed cancellation changes nothing.
    }
  }
  signal?.addEventListener('abort', leave, { once: true })
  try {
    for (let empty = 0, chunks = 1; ; chunks++) {
      if (chunks % CHUNKS_IN_A_TURN === 0) await turn?.()
      signal?.throwIfAborted()
      const { done, value } = await source.read()
      // A cancelled stream reports `done`, just like a complete one.
      signal?.throwIfAborted()
      if (done) return { bytes: kept.bytes(), complete: true }
      // A chunk without a byte length would get past the limit.
      if (!(value instanceof Uint8Array)) throw new TypeError('The body is a stream of values that are not bytes.')
      empty = value.byteLength === 0 ? empty + 1 : 0
      if (empty > MAX_EMPTY_CHUNKS) throw new TypeError('The body is a stream of empty chunks.')
      if (!kept.add(value)) return { bytes: kept.bytes(), complete: false }
    }
  } finally {
    signal?.removeEventListener('abort', leave)
    leave()
  }
}

/**
 * Appends chunks to one growing buffer. A list of chunks would take a hundred times the memory of its bytes if each chunk is
 * one byte.
 */
class GrowingBuffer {
  readonly #maxBytes: number
  #buffer = new Uint8Array(0)
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Appends a chunk. Returns false if there is room only for its beginning, which is kept. */
  add(chunk: Uint8Array): boolean {
    const room = this.#maxBytes - this.#size
    const part = chunk.byteLength > room ? chunk.subarray(0, room) : chunk
    const size = this.#size + part.byteLength
    if (size > this.#buffer.byteLength) {
      // Most bodies are one chunk, so the first buffer has exactly its size and `bytes` needs no second copy.
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(size, this.#size * 2)))
      grown.set(this.#buffer)
      this.#buffer = grown
    }
    this.#buffer.set(part, this.#size)
    this.#size = size
    return part === chunk
  }

  /** Returns an array whose buffer has exactly its length, so that code that copies `.buffer` copies no padding. */
  bytes(): Uint8Array {
    return this.#size === this.#buffer.byteLength ? this.#buffer : this.#buffer.slice(0, this.#size)
  }
}
