import { assertNumbers } from '../../contract/options/assert-numbers.ts'
import { ConfigError } from '../../errors/errors.ts'
import { systemClock, type Clock } from '../../time/clock.ts'
import { anySignal } from '../../time/any-signal.ts'
import { orAborted } from '../../time/or-aborted.ts'
import { readBytes, webSource, type ByteSource, type WebBody } from './read-bytes.ts'

/** The part of a Node `Readable`, such as an `IncomingMessage`, that `readBody` uses. */
export interface NodeBody {
  iterator(options?: { destroyOnReturn?: boolean }): AsyncIterator<unknown>
}

/** Milliseconds that a request's body may take to arrive, unless a route sets another limit. */
export const BODY_TIMEOUT_MS = 30_000

export interface ReadBodyOptions {
  /** Largest body in bytes. */
  readonly maxBytes: number
  /** Milliseconds for the whole body. Default: no limit while the other side keeps the connection open. */
  readonly timeoutMs?: number
  /** Stops the read. A request's own signal aborts when the client disconnects. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/**
 * Why a body was refused:
 *
 * - `too-large`: its declared or actual length exceeds `maxBytes`;
 * - `timed-out`: it did not arrive completely within `timeoutMs`, or the signal aborted with a `TimeoutError`;
 * - `aborted`: the signal aborted for another reason;
 * - `incomplete`: the stream failed, usually because the sender disconnected;
 * - `encoded`: it is compressed or encoded otherwise, as its `Content-Encoding` says;
 * - `malformed`: it is not valid UTF-8, and `utf8` is `strict`.
 */
export type BodyRefusal = 'too-large' | 'timed-out' | 'aborted' | 'incomplete' | 'encoded' | 'malformed'

interface Refused {
  readonly refused: BodyRefusal
  /** The error of the stream or of the decoder, or the signal's reason. */
  readonly error?: unknown
  readonly bytes?: never
  readonly text?: never
}

export type BodyBytes = Refused | { readonly bytes: Uint8Array; readonly refused?: never }
export type BodyText = Refused | { readonly text: string; readonly refused?: never }

/** The parts of a `Request` or `Response` that `readBody` uses. */
export interface WebMessage {
  readonly headers: { get(name: string): string | null }
  readonly body: WebBody | null
  readonly bodyUsed: boolean
}

/** The parts of Node's `IncomingMessage` that `readBody` uses. */
export interface NodeMessage extends NodeBody {
  readonly headers: {
    readonly 'content-length'?: string | undefined
    readonly 'content-encoding'?: string | undefined
  }
  readonly readableDidRead: boolean
}

/** The source of a body: a message, whose declared length is checked first, or a bare stream. */
export type BodySource = WebMessage | NodeMessage | WebBody

/**
 * Reads all bytes of a body, or returns why it was refused. It stops at the chunk that exceeds `maxBytes`.
 *
 * A body whose `Content-Length` exceeds `maxBytes` is refused unread. A smaller `Content-Length` is not trusted: the bytes are
 * counted all the same. The rest of a web stream is cancelled, without waiting for the cancellation. The rest of a Node
 * request is left unread, since the response needs its socket: send the response with `connection: close`.
 *
 * @throws ConfigError `BODY_CONSUMED` for a body that has been read, or that another reader is reading; `OPTION_INVALID` for
 *   a limit that is not a number. Nothing else is thrown.
 */
export async function readBody(source: BodySource, options: ReadBodyOptions): Promise<BodyBytes> {
  assertNumbers('core', options, { maxBytes: { least: 0, required: true }, timeoutMs: 0 })
  const { maxBytes, timeoutMs, signal: outer, clock = systemClock } = options
  const { stream, declared, consumed } = partsOf(source)
  if (consumed) {
    throw new ConfigError('[msc/core] The body has already been read.', {
      code: 'BODY_CONSUMED',
      hint: 'Pass a clone to the first reader: `request.clone()`.',
    })
  }
  if (declared > maxBytes) return { refused: 'too-large' }
  if (stream === null) return { bytes: new Uint8Array(0) }
  const late = new AbortController()
  // Keeps the process alive, because it must not end before the caller has a result.
  const stop = timeoutMs !== undefined && clock.setTimeout(() => late.abort(), timeoutMs, { keepAlive: true })
  const signal = outer ? anySignal(outer, late.signal) : late.signal
  try {
    const { bytes, complete } = await orAborted(readBytes(sourceOf(stream), maxBytes, signal, aTurn), signal)
    return complete ? { bytes } : { refused: 'too-large' }
  } catch (error) {
    if (!signal.aborted) return { refused: 'incomplete', error }
    const isLate = late.signal.aborted || (signal.reason as { name?: unknown } | null)?.name === 'TimeoutError'
    return { refused: isLate ? 'timed-out' : 'aborted', error }
  } finally {
    if (stop) stop()
    // Ends what `anySignal` listens to, on a signal that may live as long as the process.
    late.abort()
  }
}

/** Lets timers run. The real clock, whatever the caller's is: nobody advances that one here. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => void systemClock.setTimeout(resolve, 0, { keepAlive: true }))
}

export interface ReadTextOptions extends ReadBodyOptions {
  /** `strict` refuses invalid UTF-8 as `malformed`; `lenient` replaces it by U+FFFD. */
  readonly utf8: 'strict' | 'lenient'
}

/** Reads a body like {@link readBody} and decodes it as text, without a leading byte order mark. */
export async function readText(source: BodySource, options: ReadTextOptions): Promise<BodyText> {
  const read = await readBody(source, options)
  if (read.refused !== undefined) return read
  // Some proxies decompress a body and leave the header, so the header alone refuses nothing.
  const encoded = isEncoded(source)
  try {
    return { text: new TextDecoder('utf-8', { fatal: encoded || options.utf8 === 'strict' }).decode(read.bytes) }
  } catch (error) {
    return { refused: encoded ? 'encoded' : 'malformed', error }
  }
}

function isEncoded(source: BodySource): boolean {
  if ('getReader' in source) return false
  // By what the message is, not by what its headers have: a client may send one that is named `get`.
  const encoding = 'iterator' in source ? source.headers['content-encoding'] : source.headers.get('content-encoding')
  return !/^\s*(?:identity)?\s*$/i.test(encoding ?? '')
}

interface Parts {
  readonly stream: WebBody | NodeBody | null
  /** The declared length in bytes; 0 if there is none, NaN if it is not a number. */
  readonly declared: number
  readonly consumed: boolean
}

/** Node bodies that are being read. They have no lock, and `readableDidRead` stays false until data arrives. */
const underWay = new WeakSet<object>()

function partsOf(source: BodySource): Parts {
  if ('getReader' in source) return { stream: source, declared: 0, consumed: isLocked(source) }
  if ('iterator' in source) {
    const { headers, readableDidRead } = source
    const declared = Number(headers['content-length'] ?? 0)
    return { stream: source, declared, consumed: readableDidRead || underWay.has(source) }
  }
  const { headers, body, bodyUsed } = source
  return { stream: body, declared: Number(headers.get('content-length') ?? 0), consumed: bodyUsed || isLocked(body) }
}

function isLocked(stream: object | null): boolean {
  return (stream as { readonly locked?: boolean } | null)?.locked === true
}

function sourceOf(stream: WebBody | NodeBody): ByteSource {
  if ('getReader' in stream) return webSource(stream)
  underWay.add(stream)
  // Destroying a request would destroy the socket that its response needs.
  const iterator = stream.iterator({ destroyOnReturn: false })
  return { read: () => iterator.next(), leave: () => iterator.return?.() }
}
