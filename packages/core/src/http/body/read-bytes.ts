import { orAborted } from '../../time/or-aborted.ts'

/** The part of Node's `Readable`, an `IncomingMessage` for one, that is read here. */
export interface NodeBody {
  iterator(options?: { destroyOnReturn?: boolean }): AsyncIterator<unknown>
}

/** The part of a `ReadableStream` that is read here. */
export interface WebBody {
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): PromiseLike<void> }
}

export interface BytesRead {
  readonly bytes: Uint8Array
  /** False when there was more, which was not read. */
  readonly complete: boolean
}

/**
 * Reads at most `maxBytes` of a stream. A web stream that goes on is then cancelled, without waiting for it: `cancel` of a
 * foreign source may fail or never settle. A Node stream is left as it is, since destroying a request destroys the socket
 * that its answer has to go through.
 *
 * @param signal Ends the reading at once, also where the source ignores that it was cancelled; rejects with its reason.
 * @throws What the stream fails with; TypeError for a stream of something else than bytes, and for one that is locked.
 */
export async function readBytes(body: WebBody | NodeBody, maxBytes: number, signal?: AbortSignal): Promise<BytesRead> {
  const { read, leave } = sourceOf(body)
  const kept = new Kept(maxBytes)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const { done, value } = await (signal ? orAborted(read(), signal) : read())
      if (done) return { bytes: kept.bytes(), complete: true }
      // What has no length would pass any bound.
      if (!(value instanceof Uint8Array)) throw new TypeError('The body is a stream of something else than bytes.')
      if (!kept.add(value)) return { bytes: kept.bytes(), complete: false }
    }
  } finally {
    leave(signal?.reason)
  }
}

interface Source {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>
  /** Nothing more is read. Never throws. */
  leave(reason: unknown): void
}

function sourceOf(body: WebBody | NodeBody): Source {
  if ('getReader' in body) {
    const reader = body.getReader()
    return { read: () => reader.read(), leave: (reason) => unheard(() => reader.cancel(reason)) }
  }
  const iterator = body.iterator({ destroyOnReturn: false })
  return { read: () => iterator.next(), leave: () => unheard(() => iterator.return?.()) }
}

function unheard(call: () => PromiseLike<unknown> | undefined): void {
  try {
    call()?.then(undefined, () => undefined)
  } catch {
    // Whoever reads has what was wanted, or knows what went wrong.
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
