import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { bodyProblem } from '../problem.ts'
import { readBody, readText, type BodyBytes } from './read-body.ts'
import { listen } from '../../testing/listen.ts'
import { createManualClock } from '../../testing/manual-clock.ts'

const streamOf = (chunks: readonly Uint8Array[], more: Partial<UnderlyingDefaultSource<Uint8Array>> = {}) => {
  const left = [...chunks]
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = left.shift()
      if (next) controller.enqueue(next)
      else controller.close()
    },
    ...more,
  })
}
const post = (body: BodyInit, headers: Record<string, string> = {}): Request =>
  new Request('http://a.example/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit)

const silent = (cancel?: () => Promise<void>): ReadableStream<Uint8Array> =>
  new ReadableStream({ pull: () => new Promise(() => {}), ...(cancel && { cancel }) })

describe('readBody with a limit', () => {
  it('returns a body that fits whole and refuses one that does not, however it is cut into chunks', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(chunks, fc.nat(200), async (parts, maxBytes) => {
        const whole = Buffer.concat(parts)
        const expected = whole.length > maxBytes ? { refused: 'too-large' } : { bytes: new Uint8Array(whole) }
        expect(await readBody(streamOf(parts), { maxBytes })).toEqual(expected)
      }),
    )
  })

  it('decodes the same text even if chunks split its characters', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((each) => !each.startsWith('\ufeff'))
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (original, step) => {
        const bytes = new TextEncoder().encode(original)
        const parts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) =>
          bytes.subarray(at * step, (at + 1) * step),
        )
        for (const utf8 of ['strict', 'lenient'] as const) {
          expect(await readText(streamOf(parts), { maxBytes: 1000, utf8 })).toEqual({ text: original })
        }
      }),
    )
  })

  it('returns a buffer exactly as long as the body', async () => {
    const parts = Array.from({ length: 100 }, () => new Uint8Array(7))
    const { bytes } = await readBody(streamOf(parts), { maxBytes: 10_000 })
    expect([bytes?.byteLength, bytes?.buffer.byteLength]).toEqual([700, 700])
  })

  it('returns no bytes for a message without a body', async () => {
    expect(await readBody(new Request('http://a.example/'), { maxBytes: 0 })).toEqual({ bytes: new Uint8Array(0) })
  })

  it('refuses invalid UTF-8 as malformed when strict, and replaces it by U+FFFD when lenient', async () => {
    const body = Uint8Array.of(0x61, 0xff)
    expect(await readText(post(body), { maxBytes: 9, utf8: 'strict' })).toMatchObject({ refused: 'malformed' })
    expect(await readText(post(body), { maxBytes: 9, utf8: 'lenient' })).toEqual({ text: 'a\ufffd' })
  })

  it('refuses a compressed body as encoded, and reads one that a proxy has decompressed', async () => {
    const compressed = gzipSync('{"n":1}')
    for (const utf8 of ['strict', 'lenient'] as const) {
      const options = { maxBytes: 99, utf8 }
      expect(await readText(post(compressed, { 'content-encoding': 'gzip' }), options)).toMatchObject({
        refused: 'encoded',
      })
      expect(await readText(post('{"n":1}', { 'content-encoding': 'gzip' }), options)).toEqual({ text: '{"n":1}' })
      expect(await readText(post('{"n":1}', { 'content-encoding': 'identity' }), options)).toEqual({ text: '{"n":1}' })
    }
    const node = { iterator: () => [compressed][Symbol.iterator]() as never, readableDidRead: false }
    const headers = { 'content-encoding': 'gzip', get: 'sent by the client' }
    expect(await readText({ ...node, headers }, { maxBytes: 99, utf8: 'strict' })).toMatchObject({ refused: 'encoded' })
    const refusal = bodyProblem('encoded', 99)
    expect(refusal).toMatchObject({ status: 415, headers: { 'accept-encoding': 'identity' } })
  })

  it('refuses an endless body at the limit, and cancels it once', async () => {
    let pulled = 0
    let cancelled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(1000))
      },
      cancel: () => void (cancelled += 1),
    })
    expect(await readBody(endless, { maxBytes: 3500 })).toEqual({ refused: 'too-large' })
    expect(cancelled).toBe(1)
    expect(pulled).toBeLessThan(8)
  })

  it.each([
    ['never settles', () => new Promise<void>(() => {})],
    ['rejects', () => Promise.reject(new Error('cancel'))],
    [
      'throws',
      () => {
        throw new Error('cancel')
      },
    ],
  ])('does not wait for a cancel that %s', async (_what, cancel) => {
    const large = streamOf([new Uint8Array(5), new Uint8Array(5)], { cancel })
    expect(await readBody(large, { maxBytes: 3 })).toEqual({ refused: 'too-large' })
    const signal = AbortSignal.abort('gone')
    expect(await readBody(silent(cancel), { maxBytes: 3, signal })).toEqual({ refused: 'aborted', error: 'gone' })
  })

  it('does not wait for a foreign reader that ignores its cancellation', async () => {
    const gone = new AbortController()
    const foreign = {
      getReader: () => ({
        read: () => new Promise<never>(() => {}),
        cancel: (): never => {
          throw new Error('cancel')
        },
      }),
    }
    const reading = readBody(foreign, { maxBytes: 3, signal: gone.signal })
    gone.abort('gone')
    expect(await reading).toEqual({ refused: 'aborted', error: 'gone' })
  })

  it('refuses a body unread if its declared length exceeds the limit', async () => {
    const request = post(streamOf([new Uint8Array(1)]), { 'content-length': '11' })
    expect(await readBody(request, { maxBytes: 10 })).toEqual({ refused: 'too-large' })
    expect(request.bodyUsed).toBe(false)
  })

  it.each(['1', '-1', 'many', ''])('does not trust a Content-Length of %j', async (length) => {
    const request = (): Request => post(streamOf([new Uint8Array(11)]), { 'content-length': length })
    expect(await readBody(request(), { maxBytes: 10 })).toEqual({ refused: 'too-large' })
    expect((await readBody(request(), { maxBytes: 11 })).bytes).toHaveLength(11)
  })

  it('reports a body as incomplete if its stream fails or yields values that are not bytes', async () => {
    const error = new Error('reset')
    const failing = streamOf([], { pull: (controller) => controller.error(error) })
    expect(await readBody(failing, { maxBytes: 10 })).toEqual({ refused: 'incomplete', error })
    const words = new ReadableStream<unknown>({ start: (controller) => controller.enqueue('x'.repeat(100)) })
    expect(await readBody(words, { maxBytes: 10 })).toMatchObject({
      refused: 'incomplete',
      error: expect.any(TypeError),
    })
  })

  it('refuses a body of empty chunks without end as incomplete, instead of blocking the process', async () => {
    const empty = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(0)) })
    expect(await readBody(empty, { maxBytes: 10 })).toMatchObject({ refused: 'incomplete' })
    const some = Array.from({ length: 1000 }, () => new Uint8Array(0))
    expect(await readBody(streamOf([...some, Uint8Array.of(7), ...some]), { maxBytes: 10 })).toEqual({
      bytes: Uint8Array.of(7),
    })
  })

  it.each([Number.NaN, undefined, '10', -1])('throws OPTION_INVALID for a limit of %s', async (maxBytes) => {
    const options = { maxBytes: maxBytes as number }
    await expect(readBody(streamOf([]), options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('throws BODY_CONSUMED for a body that has been read or is locked', async () => {
    const used = post('text')
    await used.text()
    const locked = post('text')
    locked.body?.getReader()
    const stream = streamOf([])
    stream.getReader()
    for (const source of [used, locked, stream]) {
      await expect(readBody(source, { maxBytes: 10 })).rejects.toMatchObject({ code: 'BODY_CONSUMED' })
    }
  })

  it('refuses a body that has not arrived by the deadline', async () => {
    const clock = createManualClock()
    const reading = readBody(silent(), { maxBytes: 10, timeoutMs: 1000, clock })
    await clock.advance(999)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await reading).toMatchObject({ refused: 'timed-out' })
    await readBody(streamOf([]), { maxBytes: 10, timeoutMs: 1000, clock })
    expect(clock.pending).toBe(0)
  })

  it('distinguishes a timeout signal from a client that disconnects', async () => {
    const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'))
    expect(await readBody(silent(), { maxBytes: 10, signal: late })).toMatchObject({ refused: 'timed-out' })
    const gone = new AbortController()
    const reading = readBody(silent(), { maxBytes: 10, signal: gone.signal })
    gone.abort()
    expect(await reading).toMatchObject({ refused: 'aborted' })
  })
})

describe('readBody of a Node request', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  /** Starts a server that passes its only request to `read`, and returns the outcome. */
  const serve = async (read: (incoming: IncomingMessage) => Promise<BodyBytes>) => {
    const requested: ((incoming: IncomingMessage) => void)[] = []
    const outcome = new Promise<BodyBytes>((resolve, reject) => {
      requested.push((incoming) => read(incoming).then(resolve, reject))
    })
    const server = createServer((incoming, outgoing) => {
      for (const callback of requested) callback(incoming)
      outcome.then(
        ({ refused }) => outgoing.writeHead(refused ? 413 : 200, { connection: 'close' }).end(),
        () => outgoing.writeHead(500).end(),
      )
    })
    const { port, close } = await listen(server)
    closing.push(close)
    const client = (headers: Record<string, string> = {}) =>
      send({ port, host: '127.0.0.1', method: 'POST', headers }).on('error', () => undefined)
    return { client, outcome }
  }

  it('reads a whole body', async () => {
    const { client, outcome } = await serve((incoming) => readBody(incoming, { maxBytes: 10 }))
    client().end('0123456789')
    expect(Buffer.from((await outcome).bytes ?? []).toString()).toBe('0123456789')
  })

  it('refuses a body above the limit, and the client still gets the response', async () => {
    const { client, outcome } = await serve((incoming) => readBody(incoming, { maxBytes: 10 }))
    const sending = client()
    sending.write('x'.repeat(11))
    const [response] = (await once(sending, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(413)
    expect(await outcome).toEqual({ refused: 'too-large' })
    sending.destroy()
  })

  it('refuses a body by its declared length before reading any of it', async () => {
    const { client, outcome } = await serve((incoming) => readBody(incoming, { maxBytes: 10 }))
    const sending = client({ 'content-length': '1000' })
    sending.flushHeaders()
    expect(await outcome).toEqual({ refused: 'too-large' })
    sending.destroy()
  })

  it('reports a body as incomplete when the client disconnects', async () => {
    const { client, outcome } = await serve((incoming) => {
      incoming.once('readable', () => sending.destroy())
      return readBody(incoming, { maxBytes: 10 })
    })
    const sending = client()
    sending.write('x')
    expect(await outcome).toMatchObject({ refused: 'incomplete', error: { code: 'ECONNRESET' } })
  })

  it('throws BODY_CONSUMED for a body that has been read', async () => {
    const { client, outcome } = await serve(async (incoming) => {
      await readBody(incoming, { maxBytes: 10 })
      return readBody(incoming, { maxBytes: 10 })
    })
    client().end('x')
    await expect(outcome).rejects.toMatchObject({ code: 'BODY_CONSUMED' })
  })

  it('throws BODY_CONSUMED for a body that another reader is reading', async () => {
    const seconds: Promise<unknown>[] = []
    const { client, outcome } = await serve((incoming) => {
      const first = readBody(incoming, { maxBytes: 20 })
      seconds.push(readBody(incoming, { maxBytes: 20 }).catch((error: unknown) => error))
      return first
    })
    client().end('hello')
    expect(Buffer.from((await outcome).bytes ?? []).toString()).toBe('hello')
    expect(await seconds[0]).toMatchObject({ code: 'BODY_CONSUMED' })
  })
})
