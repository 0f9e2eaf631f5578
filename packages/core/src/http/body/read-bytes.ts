// Imports nothing: a page loads this file late, and what it shared with what the page loads first would become a file of
// its own there.

/** The part of a `ReadableStream` that is read here. */
export interface WebBody {
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): PromiseLike<void> }
}

/** Where bytes come from. */
export interface ByteSource {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>
  /** Called when nothing more is read. It may throw or never settle: it is not waited for. */
  leave(reason: unknown): PromiseLike<unknown> | undefined
}

export interface BytesRead {
  readonly bytes: Uint8Array
  /** False when there was more, which was not read. */
  readonly complete: boolean
}

/** Chunks without a byte that are taken in a row: reading them lets no timer run, so a deadline could not end it. */
const MAX_EMPTY_CHUNKS = 1000

/** @throws TypeError for a stream that is locked. */
export function webSource(body: WebBody): ByteSource {
  const reader = body.getReader()
  return { read: () => reader.read(), leave: (reason) => reader.cancel(reason) }
}

/**
 * Reads at most `maxBytes` of a source and leaves the rest.
 *
 * @param signal Has the source left, which ends a read of a web stream; rejects with its reason. A source that ignores
 *   that it was left is not given up here: see `readBody`.
 * @throws What the source fails with; TypeError for one of something else than bytes, or of empty chunks without end.
 */
export async function readBytes(source: ByteSource, maxBytes: number, signal?: AbortSignal): Promise<BytesRead> {
  const kept = new Kept(maxBytes)
  const leave = (): void => {
    try {
      source.leave(signal?.reason)?.then(undefined, () => undefined)
    } catch {
      // Whoever reads has what was wanted, or knows what went wrong.
    }
  }
  signal?.addEventListener('abort', leave, { once: true })
  try {
    for (let empty = 0; ;) {
      signal?.throwIfAborted()
      const { done, value } = await source.read()
      // A stream that was cancelled ends as one that is complete.
      signal?.throwIfAborted()
      if (done) return { bytes: kept.bytes(), complete: true }
      // What has no length would pass any bound.
      if (!(value instanceof Uint8Array)) throw new TypeError('The body is a stream of something else than bytes.')
      empty = value.byteLength === 0 ? empty + 1 : 0
      if (empty > MAX_EMPTY_CHUNKS) throw new TypeError('The body is a stream of empty chunks.')
      if (!kept.add(value)) return { bytes: kept.bytes(), complete: false }
    }
  } finally {
    signal?.removeEventListener('abort', leave)
    leave()
  }
}

/** The chunks in one piece as they come: a list of a million chunks of one byte takes a hundred times their bytes. */
class Kept {
  readonly #maxBytes: number
  #buffer = new Uint8Array(0)
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** False when there is no room for all of it: then it keeps the beginning. */
  add(chunk: Uint8Array): boolean {
    const room = this.#maxBytes - this.#size
    const part = chunk.byteLength > room ? chunk.subarray(0, room) : chunk
    const size = this.#size + part.byteLength
    if (size > this.#buffer.byteLength) {
      // A body of one chunk, as most are, is copied once and fits.
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(size, this.#size * 2)))
      grown.set(this.#buffer)
      this.#buffer = grown
    }
    this.#buffer.set(part, this.#size)
    this.#size = size
    return part === chunk
  }

  /** Exactly as long as what was read, so that nothing that copies the buffer takes more. */
  bytes(): Uint8Array {
    return this.#size === this.#buffer.byteLength ? this.#buffer : this.#buffer.slice(0, this.#size)
  }
}
