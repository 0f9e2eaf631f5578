import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
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

describe('a body within a bound', () => {
  it('is whole where it fits and refused where it does not, however it is cut', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(chunks, fc.nat(200), async (parts, maxBytes) => {
        const whole = Buffer.concat(parts)
        const expected = whole.length > maxBytes ? { refused: 'too-large' } : { bytes: new Uint8Array(whole) }
        expect(await readBody(streamOf(parts), { maxBytes })).toEqual(expected)
      }),
    )
  })

  it('is the same text however its characters are cut', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((each) => !each.startsWith('\ufeff'))
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (said, step) => {
        const bytes = new TextEncoder().encode(said)
        const parts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) =>
          bytes.subarray(at * step, (at + 1) * step),
        )
        for (const utf8 of ['strict', 'lenient'] as const) {
          expect(await readText(streamOf(parts), { maxBytes: 1000, utf8 })).toEqual({ text: said })
        }
      }),
    )
  })

  it('has a buffer exactly as long as what was read', async () => {
    const parts = Array.from({ length: 100 }, () => new Uint8Array(7))
    const { bytes } = await readBody(streamOf(parts), { maxBytes: 10_000 })
    expect([bytes?.byteLength, bytes?.buffer.byteLength]).toEqual([700, 700])
  })

  it('is empty where a message has none', async () => {
    expect(await readBody(new Request('http://a.example/'), { maxBytes: 0 })).toEqual({ bytes: new Uint8Array(0) })
  })

  it('is no UTF-8: malformed where that is strict, and with U+FFFD where it is not', async () => {
    const body = Uint8Array.of(0x61, 0xff)
    expect(await readText(post(body), { maxBytes: 9, utf8: 'strict' })).toMatchObject({ refused: 'malformed' })
    expect(await readText(post(body), { maxBytes: 9, utf8: 'lenient' })).toEqual({ text: 'a\ufffd' })
  })

  it('that never ends is refused at the bound, and cancelled once', async () => {
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

  it('does not wait for a foreign reader that ignores its cancel', async () => {
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

  it('is refused untouched where its declared length is larger', async () => {
    const request = post(streamOf([new Uint8Array(1)]), { 'content-length': '11' })
    expect(await readBody(request, { maxBytes: 10 })).toEqual({ refused: 'too-large' })
    expect(request.bodyUsed).toBe(false)
  })

  it.each(['1', '-1', 'many', ''])('is not believed to be %j bytes long', async (length) => {
    const request = (): Request => post(streamOf([new Uint8Array(11)]), { 'content-length': length })
    expect(await readBody(request(), { maxBytes: 10 })).toEqual({ refused: 'too-large' })
    expect((await readBody(request(), { maxBytes: 11 })).bytes).toHaveLength(11)
  })

  it('that fails is incomplete, and so is one of something else than bytes', async () => {
    const error = new Error('reset')
    const failing = streamOf([], { pull: (controller) => controller.error(error) })
    expect(await readBody(failing, { maxBytes: 10 })).toEqual({ refused: 'incomplete', error })
    const words = new ReadableStream<unknown>({ start: (controller) => controller.enqueue('x'.repeat(100)) })
    expect(await readBody(words, { maxBytes: 10 })).toMatchObject({
      refused: 'incomplete',
      error: expect.any(TypeError),
    })
  })

  it('of empty chunks without end is incomplete, instead of blocking the process past every deadline', async () => {
    const empty = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(0)) })
    expect(await readBody(empty, { maxBytes: 10 })).toMatchObject({ refused: 'incomplete' })
    const some = Array.from({ length: 1000 }, () => new Uint8Array(0))
    expect(await readBody(streamOf([...some, Uint8Array.of(7), ...some]), { maxBytes: 10 })).toEqual({
      bytes: Uint8Array.of(7),
    })
  })

  it('that has been read is a mistake of the reader, and says so', async () => {
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

  it('has until the deadline to arrive', async () => {
    const clock = createManualClock()
    const reading = readBody(silent(), { maxBytes: 10, timeoutMs: 1000, clock })
    await clock.advance(999)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await reading).toMatchObject({ refused: 'timed-out' })
    await readBody(streamOf([]), { maxBytes: 10, timeoutMs: 1000, clock })
    expect(clock.pending).toBe(0)
  })

  it('tells the signal of a timeout from that of a client that goes away', async () => {
    const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'))
    expect(await readBody(silent(), { maxBytes: 10, signal: late })).toMatchObject({ refused: 'timed-out' })
    const gone = new AbortController()
    const reading = readBody(silent(), { maxBytes: 10, signal: gone.signal })
    gone.abort()
    expect(await reading).toMatchObject({ refused: 'aborted' })
  })
})

describe('the body of a Node request', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  /** A server whose one request is handed to `read`, and what that came to. */
  const serve = async (read: (incoming: IncomingMessage) => Promise<BodyBytes>) => {
    const requested: ((incoming: IncomingMessage) => void)[] = []
    const outcome = new Promise<BodyBytes>((resolve, reject) => {
      requested.push((incoming) => read(incoming).then(resolve, reject))
    })
    const server = createServer((incoming, outgoing) => {
      for (const tell of requested) tell(incoming)
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

  it('is read whole', async () => {
    const { client, outcome } = await serve((incoming) => readBody(incoming, { maxBytes: 10 }))
    client().end('0123456789')
    expect(Buffer.from((await outcome).bytes ?? []).toString()).toBe('0123456789')
  })

  it('is refused with the bound, and the client still hears of it', async () => {
    const { client, outcome } = await serve((incoming) => readBody(incoming, { maxBytes: 10 }))
    const sending = client()
    sending.write('x'.repeat(11))
    const [response] = (await once(sending, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(413)
    expect(await outcome).toEqual({ refused: 'too-large' })
    sending.destroy()
  })

  it('is refused by its declared length before any of it is read', async () => {
    const { client, outcome } = await serve((incoming) => readBody(incoming, { maxBytes: 10 }))
    const sending = client({ 'content-length': '1000' })
    sending.flushHeaders()
    expect(await outcome).toEqual({ refused: 'too-large' })
    sending.destroy()
  })

  it('is incomplete when the client goes away', async () => {
    const { client, outcome } = await serve((incoming) => {
      incoming.once('readable', () => sending.destroy())
      return readBody(incoming, { maxBytes: 10 })
    })
    const sending = client()
    sending.write('x')
    expect(await outcome).toMatchObject({ refused: 'incomplete', error: { code: 'ECONNRESET' } })
  })

  it('that somebody has read is a mistake of the reader', async () => {
    const { client, outcome } = await serve(async (incoming) => {
      await readBody(incoming, { maxBytes: 10 })
      return readBody(incoming, { maxBytes: 10 })
    })
    client().end('x')
    await expect(outcome).rejects.toMatchObject({ code: 'BODY_CONSUMED' })
  })
})
