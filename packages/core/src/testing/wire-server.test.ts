import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { createManualClock } from './manual-clock.ts'
import { createRecording } from './recording.ts'
import { startWireServer, type WireProtocol, type WireServer } from './wire-server.ts'

type Behaviour = 'tired' | 'quota'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function setUp(more: Partial<WireProtocol<Behaviour>> = {}): Promise<WireServer<Behaviour>> {
  const server = (await startWireServer<Behaviour>({
    answer: ({ url, body }, behaviour) => ({ json: { path: url.pathname, body: body.toString(), behaviour } }),
    behaviours: { tired: { status: 503, json: { why: 'tired' }, headers: { 'retry-after': '1' } } },
    refusal: (status) => ({ refused: status }),
    ...more,
  })) as WireServer<Behaviour>
  open.push(server)
  return server
}

const post = (url: string, body = 'text'): Promise<Response> => fetch(url, { method: 'POST', body, redirect: 'manual' })

describe('a wire server', () => {
  it('answers by its protocol and records the requests', async () => {
    const server = await setUp()
    const coming = server.received.waitFor(({ url }) => url.pathname === '/b')
    expect(await (await post(`${server.url}/a`)).json()).toEqual({ path: '/a', body: 'text', behaviour: 'ok' })
    await post(`${server.url}/b`, 'more')
    expect(String((await coming).body)).toBe('more')
    expect(server.received.list.map(({ method, url }) => `${method} ${url.pathname}`)).toEqual(['POST /a', 'POST /b'])
    expect(server.requests).toBe(2)
  })

  it.each([
    ['html', 200, 'text/html', '<!doctype html><p>Sign in'],
    ['garbage', 200, null, '<html>'],
    ['redirect', 308, null, ''],
    ['tired', 503, 'application/json', '{"why":"tired"}'],
    [418, 418, 'application/json', '{"refused":418}'],
    ['quota', 200, 'application/json', '{"path":"/","body":"text","behaviour":"quota"}'],
  ] as const)('answers by the behaviour %s', async (behaviour, status, type, text) => {
    const server = await setUp()
    Object.assign(server, { behaviour })
    const answer = await post(server.url)
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([status, type, text])
  })

  it('closes the connection before or during an answer', async () => {
    const server = await setUp()
    Object.assign(server, { behaviour: 'reset' })
    await expect(post(server.url)).rejects.toThrow()
    Object.assign(server, { behaviour: 'cut-short' })
    const answer = await post(server.url)
    expect(answer.headers.get('content-length')).toBe('1000')
    await expect(answer.text()).rejects.toThrow()
  })

  it('ends hanging and idle connections on close', async () => {
    const server = await setUp()
    Object.assign(server, { behaviour: 'silent' })
    const hanging = post(server.url).then(
      () => 'answered',
      () => 'ended',
    )
    const idle = connect(server.port, '127.0.0.1')
    await once(idle, 'connect')
    const ended = once(idle, 'close')
    await server.close()
    expect(await hanging).toBe('ended')
    await ended
    await expect(post(server.url)).rejects.toThrow()
  })

  it('refuses a body that is too large or that its protocol can not parse', async () => {
    const server = await setUp({
      maxBytes: 10,
      answer: ({ body }) => ({ json: JSON.parse(body.toString()) as unknown }),
    })
    const answers = [await post(server.url, 'x'.repeat(11)), await post(server.url, '{'), await post(server.url, '{}')]
    expect(answers.map(({ status }) => status)).toEqual([413, 400, 200])
  })

  it.each([
    ['plain', '*', null],
    ['credentials', 'http://a.example', 'true'],
  ] as const)('allows calls from pages of other origins: %s', async (cors, origin, credentials) => {
    const server = await setUp({ cors })
    const headers = { origin: 'http://a.example', 'access-control-request-headers': 'x-own' }
    const answer = await fetch(server.url, { method: 'OPTIONS', headers })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-allow-credentials')).toBe(credentials)
    expect(answer.headers.get('access-control-allow-headers')).toBe('x-own')
    expect(server.received.list).toEqual([])
  })

  it('rejects if the port is in use', async () => {
    const { port } = await setUp()
    await expect(setUp({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('a recording', () => {
  it('keeps the newest items', () => {
    const recording = createRecording<number>('numbers', 3)
    for (const each of [1, 2, 3, 4, 5]) recording.add(each)
    expect(recording.list).toEqual([3, 4, 5])
  })

  it('resolves with a matching item, past or future', async () => {
    const recording = createRecording<number>('numbers')
    recording.add(1)
    expect(await recording.waitFor((each) => each === 1)).toBe(1)
    const later = recording.waitFor((each) => each > 1)
    recording.add(0)
    recording.add(2)
    expect(await later).toBe(2)
  })

  it('rejects after the timeout with the number of items that arrived', async () => {
    const clock = createManualClock()
    const recording = createRecording<number>('numbers', 10, clock)
    const waiting = expect(recording.waitFor((each) => each > 1, 5000)).rejects.toThrow(
      'None of the numbers matched within 5000 ms; 1 arrived.',
    )
    recording.add(1)
    await clock.advance(5000)
    await waiting
    const found = recording.waitFor((each) => each > 1, 5000)
    recording.add(2)
    await found
    expect(clock.pending).toBe(0)
  })

  it('rejects with the error that the predicate throws, and does not throw it at the sender', async () => {
    const recording = createRecording<number>('numbers')
    const waiting = recording.waitFor(() => {
      throw new Error('mine')
    })
    expect(() => recording.add(1)).not.toThrow()
    await expect(waiting).rejects.toThrow('mine')
  })
})
