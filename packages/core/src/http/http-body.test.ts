import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { httpFailure, readBounded, requestFailure } from './index.ts'
import { freePort } from '../testing/free-port.ts'

describe('the body of an answer', () => {
  it.each(['', 'text', 'é'.repeat(1000)])('is read whole when it is small', async (text) => {
    expect(await readBounded(new Response(text), 5000)).toEqual({ text, complete: true })
    expect(await readBounded(new Response(null))).toEqual({ text: '', complete: true })
  })

  it('is read as far as the bound, and the rest is cancelled', async () => {
    let cancelled = false
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(1000).fill(0x61))
      },
      cancel() {
        cancelled = true
      },
    })
    expect(await readBounded(new Response(endless), 3500)).toEqual({ text: 'a'.repeat(3500), complete: false })
    expect(cancelled).toBe(true)
    expect(pulled).toBeLessThan(8)
  })

  it('is read no longer than the signal allows, however slow it is', async () => {
    const controller = new AbortController()
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
    const reading = readBounded(new Response(silent), 100, controller.signal)
    controller.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })
})

describe('a request without an answer', () => {
  const why = async (url: string): Promise<object> => {
    const thrown: unknown = await fetch(url).catch((error: unknown) => error)
    const { message, hint, retryable, code } = requestFailure(thrown, { driver: 'x', url, address: 'Check X_URL.' })
    return { message, hint, retryable, code }
  }

  it('says that nobody listens', async () => {
    const port = await freePort()
    expect(await why(`http://127.0.0.1:${port}/key`)).toEqual({
      message: `[x] 127.0.0.1:${port} refused the connection.`,
      hint: 'Is the server running, and is the port right? Check X_URL.',
      retryable: true,
      code: 'DRIVER_FAILED',
    })
  })

  it('says that a server does not speak TLS, or closes the connection', async () => {
    const server = createServer((request) => request.socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await why(`http://${host}/`)).toMatchObject({ message: expect.stringContaining('closed the connection') })
    expect(await why(`https://${host}/`)).toMatchObject({ message: expect.stringMatching(/\(TLS\)|closed the conn/) })
    await new Promise((resolve) => server.close(resolve))
  })

  it.each([
    [{ cause: { code: 'ENOTFOUND' } }, /not found \(DNS\)/],
    [{ cause: { errors: [{ code: 'ECONNREFUSED' }] } }, /refused/],
    [{ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } }, /TLS/],
    [new TypeError('Failed to fetch'), /The request to db\.example failed/],
    [undefined, /failed/],
  ])('reads the reason of %j', (thrown, expected) => {
    const { message } = requestFailure(thrown, { driver: 'x', url: 'https://key@db.example/a', address: '' })
    expect(message).toMatch(expected)
    expect(message).not.toContain('key')
  })
})

describe('a page of HTML', () => {
  const options = { driver: 'x', credentials: 'Check the key.', address: 'Check the host.' }
  const page = (status: number): Response =>
    new Response(null, { status, headers: { 'content-type': 'text/html', 'retry-after': '3' } })

  it.each([200, 400, 401, 403, 404, 407, 500, 503])('with %i stands in the place of the backend', (status) => {
    const failure = httpFailure(page(status), options)
    expect(failure).toMatchObject({ code: 'DRIVER_NOT_THE_BACKEND', retryable: true, refuses: 'backend' })
    expect(failure?.message).toContain(`${status}`)
    expect(failure?.hint).toMatch(/^Check the host\. A proxy/)
  })

  it.each([
    [302, 'DRIVER_REDIRECTED'],
    [413, 'DRIVER_TOO_LARGE'],
    [429, 'DRIVER_RATE_LIMITED'],
  ])('with %i says what the status says', (status, code) => {
    expect(httpFailure(page(status), options)).toMatchObject({ code })
  })

  const said = (status: number, type: string | undefined, text: string, more = {}) =>
    httpFailure(
      {
        status,
        headers: new Headers(type === undefined ? {} : { 'content-type': type }),
        content: { text, complete: true },
      },
      { ...options, ...more },
    )?.code
  const expects = (value: unknown): boolean => value === undefined || (value as { id?: unknown } | null)?.id === 1
  const html = 'text/html; charset=utf-8'

  it.each([
    // As Express sends a text on, and Django a body.
    ['{"id":1}', undefined],
    // As Bugsink answers an envelope.
    ['', undefined],
    ['{"id":2}', 'DRIVER_NOT_THE_BACKEND'],
    ['{"id":1,"error":"who are you"}', 'DRIVER_NOT_THE_BACKEND'],
    ['OK', 'DRIVER_NOT_THE_BACKEND'],
    ['<html>', 'DRIVER_NOT_THE_BACKEND'],
  ])('is not what a success of that type is that says %j, if the backend says that: %s', (text, code) => {
    expect([said(200, html, text, { expects }), said(200, 'application/xhtml+xml', text, { expects })]).toEqual([
      code,
      code,
    ])
  })

  it('may have nothing in it, where the backend is not known to say nothing', () => {
    expect(said(200, html, '')).toBe('DRIVER_NOT_THE_BACKEND')
    expect(said(200, html, '', { expects: (value: unknown) => value !== undefined })).toBe('DRIVER_NOT_THE_BACKEND')
    expect(said(400, html, '', { expects })).toBe('DRIVER_NOT_THE_BACKEND')
  })

  it('is known by its body without the type', () => {
    expect(said(200, 'application/json', ' <html>', { expects: () => true })).toBe('DRIVER_NOT_THE_BACKEND')
    expect(said(400, undefined, '<html>')).toBe('DRIVER_NOT_THE_BACKEND')
  })

  it.each([
    [400, 'DRIVER_REFUSED'],
    [401, 'DRIVER_UNAUTHORIZED'],
    [503, 'DRIVER_FAILED'],
  ])('is not what a %i of that type is that says so in JSON', (status, code) => {
    expect(said(status, html, '{"detail":"no"}')).toBe(code)
  })
})
