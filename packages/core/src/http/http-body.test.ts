import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { httpFailure, readBounded, requestFailure } from './index.ts'
import { freePort } from '../testing/free-port.ts'

describe('readBounded', () => {
  it.each(['', 'text', 'é'.repeat(1000)])('reads a small body whole', async (text) => {
    expect(await readBounded(new Response(text), 5000)).toEqual({ text, complete: true })
    expect(await readBounded(new Response(null))).toEqual({ text: '', complete: true })
  })

  it('reads up to the limit and cancels the rest', async () => {
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

  it('stops reading a slow body when the signal aborts', async () => {
    const controller = new AbortController()
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
    const reading = readBounded(new Response(silent), 100, controller.signal)
    controller.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })
})

describe('requestFailure', () => {
  const why = async (url: string): Promise<object> => {
    const thrown: unknown = await fetch(url).catch((error: unknown) => error)
    const { message, hint, retryable, code } = requestFailure(thrown, { driver: 'x', url, address: 'Check X_URL.' })
    return { message, hint, retryable, code }
  }

  it('says that the connection was refused', async () => {
    const port = await freePort()
    expect(await why(`http://127.0.0.1:${port}/key`)).toEqual({
      message: `[x] 127.0.0.1:${port} refused the connection.`,
      hint: 'Is the server running, and is the port right? Check X_URL.',
      retryable: true,
      code: 'DRIVER_UNREACHABLE',
    })
  })

  it('says that the server does not speak TLS or closes the connection', async () => {
    const server = createServer((request) => request.socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await why(`http://${host}/`)).toMatchObject({ message: expect.stringContaining('closed the connection') })
    expect(await why(`https://${host}/`)).toMatchObject({
      message: expect.stringMatching(/TLS handshake|closed the conn/),
    })
    await new Promise((resolve) => server.close(resolve))
  })

  it.each([
    [{ cause: { code: 'ENOTFOUND' } }, /not found \(DNS\)/],
    [{ cause: { errors: [{ code: 'ECONNREFUSED' }] } }, /refused/],
    [{ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } }, /TLS/],
    [new TypeError('Failed to fetch'), /The request to db\.example failed/],
    [undefined, /failed/],
  ])('finds the reason in %j', (thrown, expected) => {
    const { message } = requestFailure(thrown, { driver: 'x', url: 'https://key@db.example/a', address: '' })
    expect(message).toMatch(expected)
    expect(message).not.toContain('key')
  })
})

describe('an HTML page', () => {
  const options = { driver: 'x', credentials: 'Check the key.', address: 'Check the host.' }
  const page = (status: number): Response =>
    new Response(null, { status, headers: { 'content-type': 'text/html', 'retry-after': '3' } })

  it.each([200, 400, 401, 403, 404, 407, 500, 503])('with status %i did not come from the backend', (status) => {
    const failure = httpFailure(page(status), options)
    expect(failure).toMatchObject({ code: 'DRIVER_NOT_THE_BACKEND', retryable: true, refuses: 'backend' })
    expect(failure?.message).toContain(`${status}`)
    expect(failure?.hint).toMatch(/^Check the host\. A proxy/)
  })

  it.each([
    [302, 'DRIVER_REDIRECTED'],
    [413, 'DRIVER_TOO_LARGE'],
    [429, 'DRIVER_RATE_LIMITED'],
  ])('with status %i means what the status says, because a proxy may send it for the backend', (status, code) => {
    expect(httpFailure(page(status), options)).toMatchObject({ code })
  })

  const codeOf = (status: number, type: string | undefined, text: string, more = {}) =>
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
    // Express and Django label a forwarded body as HTML.
    ['{"id":1}', undefined],
    // Bugsink answers an envelope with an empty body that is labelled as HTML.
    ['', undefined],
    ['{"id":2}', 'DRIVER_NOT_THE_BACKEND'],
    ['{"id":1,"error":"who are you"}', 'DRIVER_NOT_THE_BACKEND'],
    ['OK', 'DRIVER_NOT_THE_BACKEND'],
    ['<html>', 'DRIVER_NOT_THE_BACKEND'],
  ])('is not assumed from the content type alone: a success with the body %j has the code %s', (text, code) => {
    expect([codeOf(200, html, text, { expects }), codeOf(200, 'application/xhtml+xml', text, { expects })]).toEqual([
      code,
      code,
    ])
  })

  it('may be empty, if the backend is not known to send empty answers', () => {
    expect(codeOf(200, html, '')).toBe('DRIVER_NOT_THE_BACKEND')
    expect(codeOf(200, html, '', { expects: (value: unknown) => value !== undefined })).toBe('DRIVER_NOT_THE_BACKEND')
    expect(codeOf(400, html, '', { expects })).toBe('DRIVER_NOT_THE_BACKEND')
  })

  it('is recognised by its body whatever the content type', () => {
    expect(codeOf(200, 'application/json', ' <html>', { expects: () => true })).toBe('DRIVER_NOT_THE_BACKEND')
    expect(codeOf(400, undefined, '<html>')).toBe('DRIVER_NOT_THE_BACKEND')
  })

  it.each([
    [400, 'DRIVER_REFUSED'],
    [401, 'DRIVER_UNAUTHORIZED'],
    [503, 'DRIVER_FAILED'],
  ])('is not assumed for a %i labelled as HTML with a JSON body', (status, code) => {
    expect(codeOf(status, html, '{"detail":"no"}')).toBe(code)
  })
})
