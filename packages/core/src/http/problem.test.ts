import { afterEach, describe, expect, it } from 'vitest'
import { failureSlot } from '../errors/failure-slot.ts'
import { bodyProblem, problem, type ProblemOptions } from './problem.ts'

describe('a problem document', () => {
  const { redact } = failureSlot()
  afterEach(() => {
    failureSlot().redact = redact
  })

  it('has the members of RFC 9457 and is not cached', async () => {
    const answer = problem({
      status: 403,
      title: 'Not yours',
      type: 'https://a.example/not-yours',
      detail: 'It belongs to somebody else.',
      instance: '/releases/1',
      code: 'FORBIDDEN',
      extensions: { traceId: 'abc' },
    })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({
      type: 'https://a.example/not-yours',
      title: 'Not yours',
      status: 403,
      detail: 'It belongs to somebody else.',
      instance: '/releases/1',
      code: 'FORBIDDEN',
      traceId: 'abc',
    })
  })

  it.each([
    [404, 'Not Found'],
    [503, 'Service Unavailable'],
    [418, 'Bad Request'],
    [599, 'Internal Server Error'],
  ])('with only the status %i has the title %s', async (status, title) => {
    expect(await problem({ status }).json()).toEqual({ type: 'about:blank', title, status })
  })

  it.each([
    [0, '0'],
    [1, '1'],
    [1000, '1'],
    [1001, '2'],
    [-5, '0'],
    [Number.NaN, null],
    [Infinity, null],
    [1e300, '2147483647'],
  ])('sends retryAfterMs %d in whole seconds, rounded up: %s', (retryAfterMs, header) => {
    expect(problem({ status: 503, retryAfterMs }).headers.get('retry-after')).toBe(header)
  })

  it('keeps its own members and header fields, whatever else is passed', async () => {
    const options = {
      status: 400,
      headers: { 'Content-Type': 'text/html', 'Cache-Control': 'public', Allow: 'GET' },
      extensions: { status: 200, title: 'Fine', detail: 'token=abc', code: 'OK', more: 1, toJSON: () => 'gone' },
    } as unknown as ProblemOptions
    const answer = problem(options)
    expect(await answer.json()).toEqual({ type: 'about:blank', title: 'Bad Request', status: 400, more: 1 })
    expect(Object.fromEntries(answer.headers)).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      allow: 'GET',
    })
  })

  it('redacts secrets in the detail, by the full rules if they are loaded', async () => {
    const detail = 'connect to postgres://user:hunter2@db.example failed'
    expect(await problem({ status: 500, detail }).text()).not.toContain('hunter2')
    failureSlot().redact = () => 'by the full rules'
    expect(await problem({ status: 500, detail }).json()).toMatchObject({ detail: 'by the full rules' })
  })

  it.each([200, 204, 302, 399, 600, 404.5, Number.NaN])('rejects the status %d', (status) => {
    expect(() => problem({ status })).toThrow(expect.objectContaining({ code: 'PROBLEM_STATUS_INVALID' }))
  })

  it.each([
    ['too-large', 413],
    ['timed-out', 408],
    ['aborted', 400],
    ['incomplete', 400],
    ['malformed', 400],
  ] as const)('for a body that is %s has the status %i', (refused, status) => {
    expect(problem(bodyProblem(refused, 10)).status).toBe(status)
  })
})

it('is answered whatever its members are', async () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  const wrong = { title: 5n, instance: loop, code: Symbol('x'), type: 7, detail: {} } as never
  const made = problem({ status: 404, ...(wrong as object), extensions: { n: 5n, fine: 1 } as never })
  expect(await made.json()).toEqual({ type: 'about:blank', title: 'Not Found', status: 404, fine: 1 })
  let reads = 0
  const odd = {
    toJSON() {
      if ((reads += 1) % 2) throw new Error('odd')
      return 'even'
    },
  }
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  for (const [extensions, kept] of [
    [
      { odd, fine: 1 },
      { odd: 'even', fine: 1 },
    ],
    [proxy, {}],
  ] as const) {
    const answer = problem({ status: 404, extensions: extensions as never })
    expect(await answer.json()).toEqual({ type: 'about:blank', title: 'Not Found', status: 404, ...kept })
  }
})
