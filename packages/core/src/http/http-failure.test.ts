import { describe, expect, it } from 'vitest'
import { retryAfter } from './http-answer.ts'
import { httpFailure } from './http-failure.ts'

const options = { driver: 'posthog', credentials: 'Check the key.', address: 'Check the host.', now: () => 1_000_000 }
const answer = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status, headers })

describe('httpFailure', () => {
  it.each([200, 201, 204])('treats %i as success', (status) => {
    expect(httpFailure(answer(status, { 'content-type': 'application/json' }), options)).toBeUndefined()
  })

  it.each([
    [302, 'DRIVER_REDIRECTED', false, 'backend', 'Check the host.'],
    [400, 'DRIVER_REFUSED', false, 'content', undefined],
    [401, 'DRIVER_UNAUTHORIZED', false, 'backend', 'Check the key.'],
    [402, 'DRIVER_QUOTA', false, 'backend', "The account's quota is used up: raise it, or wait for the next period."],
    [403, 'DRIVER_UNAUTHORIZED', false, 'backend', 'Check the key.'],
    [404, 'DRIVER_NOT_THE_BACKEND', false, 'backend', 'Check the host.'],
    [408, 'DRIVER_FAILED', true, 'backend', undefined],
    [413, 'DRIVER_TOO_LARGE', false, 'content', undefined],
    [422, 'DRIVER_REFUSED', false, 'content', undefined],
    [429, 'DRIVER_RATE_LIMITED', true, 'backend', undefined],
    [500, 'DRIVER_FAILED', true, 'backend', undefined],
    [501, 'DRIVER_NOT_THE_BACKEND', false, 'backend', 'Check the host.'],
    [503, 'DRIVER_FAILED', true, 'backend', undefined],
    [505, 'DRIVER_NOT_THE_BACKEND', false, 'backend', 'Check the host.'],
  ])('maps %i to %s', (status, code, retryable, refuses, hint) => {
    expect(httpFailure(answer(status), options)).toMatchObject({ code, retryable, refuses, hint })
  })

  it('reports an HTML page with status 200 as not the backend', () => {
    expect(httpFailure(answer(200, { 'content-type': 'text/html; charset=utf-8' }), options)).toMatchObject({
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
      hint: expect.stringContaining('Check the host.'),
    })
  })

  it.each([
    ['<!doctype html><p>Sign in', true],
    ['  <html>', true],
    ['OK', true],
    ['{"error":"who are you"}', true],
    ['{"id":"9ec79c33ec9942ab8353589fcb2e04dc"', true],
    ['{"id":"9ec79c33ec9942ab8353589fcb2e04dc"}', false],
    ['{"status":1}', false],
    ['{"status":1,"error":null}', false],
    ['null', false],
    ['', false],
  ])('says of a 200 with the body %j whether it did not come from the backend: %s', (text, isForeign) => {
    const failure = httpFailure({ status: 200, headers: new Headers(), content: { text, complete: true } }, options)
    expect(failure?.code).toBe(isForeign ? 'DRIVER_NOT_THE_BACKEND' : undefined)
    if (isForeign) expect(failure).toMatchObject({ retryable: true, hint: expect.stringContaining('Check the host.') })
  })

  it('reports a 200 whose body exceeds the limit as not the backend', () => {
    const content = { text: '{}', complete: false }
    expect(httpFailure({ status: 200, headers: new Headers(), content }, options)).toMatchObject({ retryable: true })
  })

  it('returns the time that Retry-After asks for', () => {
    expect(httpFailure(answer(429, { 'retry-after': '3' }), options)?.retryAfterMs).toBe(3000)
    expect(httpFailure(answer(503), options)?.retryAfterMs).toBeUndefined()
  })
})

describe('retryAfter', () => {
  const now = (): number => Date.UTC(2026, 0, 1)
  it.each([
    ['120', 120_000],
    ['0.5', 500],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    ['-4', undefined],
    ['99999999999999', undefined],
    ['', undefined],
    [null, undefined],
  ])('reads %j', (header, expected) => {
    expect(retryAfter(header, now)).toBe(expected)
  })
})

describe('expects', () => {
  const content = (text: string) => ({ text, complete: true })
  const judged = (text: string, expects?: (value: unknown, status: number) => boolean) =>
    httpFailure(
      { status: 200, headers: new Headers(), content: content(text) },
      { driver: 'd', credentials: 'Check KEY.', address: 'Check HOST.', ...(expects && { expects }) },
    )
  it.each([
    ['{"ok":true}', 'status 200 and a JSON object'],
    ['[]', 'status 200 and a JSON array'],
    ['', 'status 200 and no body'],
  ])('rejects %j, which the error describes without repeating it', (text, words) => {
    expect(judged(text, () => false)).toMatchObject({
      code: 'DRIVER_NOT_THE_BACKEND',
      refuses: 'backend',
      retryable: true,
      message: expect.stringContaining(words),
      hint: expect.stringContaining('Check HOST.'),
    })
  })
  it('gets the parsed body, undefined for an empty one, and the status', () => {
    const asked: unknown[] = []
    const expects = (value: unknown, status: number) => asked.push([value, status]) > 0
    expect([judged('{"status":1}', expects), judged('', expects), judged('[]')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(asked).toEqual([
      [{ status: 1 }, 200],
      [undefined, 200],
    ])
  })
})
