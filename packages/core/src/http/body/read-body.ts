import { ConfigError } from '../../errors/errors.ts'
import { systemClock, type Clock } from '../../time/clock.ts'
import { orAborted } from '../../time/or-aborted.ts'
import { readBytes, webSource, type ByteSource, type WebBody } from './read-bytes.ts'

/** The part of Node's `Readable`, an `IncomingMessage` for one, that is read here. */
export interface NodeBody {
  iterator(options?: { destroyOnReturn?: boolean }): AsyncIterator<unknown>
}

/** Milliseconds that a request's body may take to come, where nothing else is said. */
export const BODY_TIMEOUT_MS = 30_000

export interface ReadBodyOptions {
  /** Bytes. */
  readonly maxBytes: number
  /** Milliseconds for all of it. Default: as long as the other side keeps the connection open. */
  readonly timeoutMs?: number
  /** Ends the reading: that of a request aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/**
 * Why there is no body:
 *
 * - `too-large`: it was declared to be, or it was;
 * - `timed-out`: not all of it came in time, or the signal is that of a timeout;
 * - `aborted`: the signal ended the reading for another reason;
 * - `incomplete`: the stream failed, because the sender went away or for a reason of its own;
 * - `malformed`: it is no UTF-8, where that is strict.
 */
export type BodyRefusal = 'too-large' | 'timed-out' | 'aborted' | 'incomplete' | 'malformed'

interface Refused {
  readonly refused: BodyRefusal
  /** What the stream failed with, or the signal's reason. */
  readonly error?: unknown
  readonly bytes?: never
  readonly text?: never
}

export type BodyBytes = Refused | { readonly bytes: Uint8Array; readonly refused?: never }
export type BodyText = Refused | { readonly text: string; readonly refused?: never }

/** A `Request` or a `Response`, by the parts that are read here. */
export interface WebMessage {
  readonly headers: { get(name: string): string | null }
  readonly body: WebBody | null
  readonly bodyUsed: boolean
}

/** Node's `IncomingMessage`, by the parts that are read here. */
export interface NodeMessage extends NodeBody {
  readonly headers: { readonly 'content-length'?: string | undefined }
  readonly readableDidRead: boolean
}

/** What a body is read from: a message, whose declared length is looked at first, or a bare stream. */
export type BodySource = WebMessage | NodeMessage | WebBody

/**
 * Reads all bytes of a body, or says why there are none. It never reads more than `maxBytes` and the chunk in which they
 * end.
 *
 * A declared `Content-Length` that is larger than the bound refuses the body untouched; a smaller one is not believed. What
 * is left of a web stream is cancelled without waiting for it. What is left of a Node request is not, since the answer needs
 * its socket: send the answer with `connection: close`.
 *
 * @throws ConfigError `BODY_CONSUMED` for a body that somebody else has read or is reading. Nothing else is thrown.
 */
export async function readBody(source: BodySource, options: ReadBodyOptions): Promise<BodyBytes> {
  const { maxBytes, timeoutMs, signal: outer, clock = systemClock } = options
  const { stream, declared, consumed } = partsOf(source)
  if (consumed) {
    throw new ConfigError('[msc/core] The body has been read already.', {
      code: 'BODY_CONSUMED',
      hint: 'Whoever reads it first must read a clone: `request.clone()`.',
    })
  }
  if (declared > maxBytes) return { refused: 'too-large' }
  if (stream === null) return { bytes: new Uint8Array(0) }
  const late = new AbortController()
  // The process must not end before whoever waits has an answer.
  const stop = timeoutMs !== undefined && clock.setTimeout(() => late.abort(), timeoutMs, { keepAlive: true })
  const signal = outer ? AbortSignal.any([outer, late.signal]) : late.signal
  try {
    const { bytes, complete } = await orAborted(readBytes(sourceOf(stream), maxBytes, signal), signal)
    return complete ? { bytes } : { refused: 'too-large' }
  } catch (error) {
    if (!signal.aborted) return { refused: 'incomplete', error }
    const isLate = late.signal.aborted || (signal.reason as { name?: unknown } | null)?.name === 'TimeoutError'
    return { refused: isLate ? 'timed-out' : 'aborted', error }
  } finally {
    if (stop) stop()
  }
}

export interface ReadTextOptions extends ReadBodyOptions {
  /** `strict` refuses what is no UTF-8 as `malformed`; `lenient` puts U+FFFD in its place. */
  readonly utf8: 'strict' | 'lenient'
}

/** {@link readBody}, as text. A byte order mark at its beginning is left out. */
export async function readText(source: BodySource, options: ReadTextOptions): Promise<BodyText> {
  const read = await readBody(source, options)
  if (read.refused !== undefined) return read
  try {
    return { text: new TextDecoder('utf-8', { fatal: options.utf8 === 'strict' }).decode(read.bytes) }
  } catch (error) {
    return { refused: 'malformed', error }
  }
}

interface Parts {
  readonly stream: WebBody | NodeBody | null
  /** Bytes; NaN or 0 where nothing is declared. */
  readonly declared: number
  readonly consumed: boolean
}

function partsOf(source: BodySource): Parts {
  if ('getReader' in source) return { stream: source, declared: 0, consumed: isLocked(source) }
  if ('iterator' in source) {
    const { headers, readableDidRead } = source
    return { stream: source, declared: Number(headers['content-length'] ?? 0), consumed: readableDidRead }
  }
  const { headers, body, bodyUsed } = source
  return { stream: body, declared: Number(headers.get('content-length') ?? 0), consumed: bodyUsed || isLocked(body) }
}

function isLocked(stream: object | null): boolean {
  return (stream as { readonly locked?: boolean } | null)?.locked === true
}

function sourceOf(stream: WebBody | NodeBody): ByteSource {
  if ('getReader' in stream) return webSource(stream)
  // To destroy a request would destroy the socket that its answer goes through.
  const iterator = stream.iterator({ destroyOnReturn: false })
  return { read: () => iterator.next(), leave: () => iterator.return?.() }
}
