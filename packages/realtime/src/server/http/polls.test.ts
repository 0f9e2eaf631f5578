import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { signTestToken } from '../../testing/tokens.ts'
import { createRealtimeServer, type RealtimeServer, type RealtimeServerOptions } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const base = 'http://x/realtime/v1/poll'
let server: RealtimeServer
afterEach(() => server.close())
const clock = createManualClock(Date.now())

const start = (options: Partial<RealtimeServerOptions> = {}): void => {
  server = createRealtimeServer({ jwtSecret, authorize: () => true, clock, ...options })
}
const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
  (await server.handleRequest(new Request(`${base}${path}`, init), { address: '192.0.2.1' })) as Response
const open = async (sub = 'a'): Promise<string> => {
  const authorization = `Bearer ${await signTestToken(jwtSecret, { sub })}`
  return ((await (await ask('', { method: 'POST', headers: { authorization } })).json()) as { session: string }).session
}
const say = (session: string, lines: readonly unknown[], from?: number): Promise<Response> =>
  ask(`/${session}${from === undefined ? '' : `?from=${from}`}`, {
    method: 'POST',
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  })
interface Polled {
  readonly from: number
  readonly end?: { readonly code: number; readonly reason: string }
  readonly frames: readonly (readonly unknown[])[]
}
const read = async (response: Response): Promise<Polled> => {
  const [head = '', ...frames] = (await response.text()).trimEnd().split('\n')
  return { ...(JSON.parse(head) as Polled), frames: frames.map((frame) => JSON.parse(frame) as unknown[]) }
}
/** The answer to a poll, which the clock has to bring. */
const poll = async (session: string, ack = 0): Promise<Polled> => {
  const answers: Response[] = []
  void ask(`/${session}?ack=${ack}`).then((response) => answers.push(response))
  for (let n = 0; answers.length === 0 && n < 400; n++) await clock.advance(100)
  return read(answers[0] as Response)
}
const join = ['1', '1', 'realtime:room', 'phx_join', { config: { broadcast: { ack: true } } }]
const note = (n: number): unknown => server.publish({ topic: 'room', event: 'note', payload: { n }, private: false })
const numbers = ({ frames }: Polled): unknown[] =>
  frames.map((frame) => (frame[4] as { payload: { n: number } }).payload.n)

describe('a session of polls', () => {
  it('answers what is asked, and what comes, each with its number', async () => {
    start()
    const session = await open()
    expect((await say(session, [join])).status).toBe(202)
    const first = await poll(session)
    expect(first).toMatchObject({ from: 1, frames: [['1', '1', 'realtime:room', 'phx_reply', { status: 'ok' }]] })
    note(1)
    note(2)
    const second = await poll(session, 1)
    expect([second.from, numbers(second)]).toEqual([2, [1, 2]])
  })

  it('waits twenty seconds at most', async () => {
    start()
    const session = await open()
    let answer: Response | undefined
    void ask(`/${session}`).then((response) => (answer = response))
    await clock.advance(19_999)
    expect(answer).toBeUndefined()
    await clock.advance(1)
    await expect.poll(() => answer?.status).toBe(200)
  })

  it('answers again what was not acknowledged, and nothing that was', async () => {
    start()
    const session = await open()
    await say(session, [join])
    await poll(session)
    note(1)
    expect(numbers(await poll(session, 1))).toEqual([1])
    note(2)
    // That answer was lost.
    expect(numbers(await poll(session, 1))).toEqual([1, 2])
    note(3)
    expect(numbers(await poll(session, 3))).toEqual([3])
    // As of somebody who counts wrong.
    note(4)
    expect(numbers(await poll(session, 1))).toEqual([3, 4])
    note(5)
    expect(numbers(await poll(session, 9_999))).toEqual([])
    expect((await ask(`/${session}?ack=-1`)).status).toBe(422)
    expect((await ask(`/${session}?ack=x`)).status).toBe(422)
  })

  it('brings each once and in order, whichever answers are lost and whichever requests come twice', async () => {
    start({ limits: { perAccount: false, perAddress: false, framesPerSecond: 1_000_000 } })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ notes: fc.nat(4), isLost: fc.boolean(), says: fc.nat(3), isTwice: fc.boolean() }), {
          maxLength: 12,
        }),
        async (steps) => {
          const [session, listener] = [await open(), await open('b')]
          await say(session, [join], 1)
          await say(listener, [join], 1)
          let [last, next, n, said] = [0, 2, 0, 0]
          const heard: unknown[] = []
          for (const step of [...steps, { notes: 1, isLost: false, says: 1, isTwice: false }]) {
            for (let index = 0; index < step.notes; index++) note(++n)
            const lines = Array.from({ length: step.says }, () => [
              '1',
              null,
              'realtime:room',
              'broadcast',
              { type: 'broadcast', event: 'said', payload: { said: ++said } },
            ])
            if (lines.length > 0) {
              await say(session, lines, next)
              if (step.isTwice) await say(session, lines, next)
              next += lines.length
            }
            if (last > 0 && step.notes === 0) continue
            const { from, frames } = await poll(session, last)
            if (step.isLost) continue
            frames.forEach((frame, index) => {
              if (from + index <= last) return
              last = from + index
              const { event, payload } = frame[4] as { event?: string; payload?: { n: number } }
              if (event === 'note') heard.push(payload?.n)
            })
          }
          expect(heard).toEqual(Array.from({ length: n }, (_, index) => index + 1))
          const others = (await poll(listener)).frames
            .map((frame) => frame[4] as { event?: string; payload?: { said?: number } })
            .filter(({ event }) => event === 'said')
            .map(({ payload }) => payload?.said)
          expect(others).toEqual(Array.from({ length: said }, (_, index) => index + 1))
          server.disconnect({ sub: 'a' })
          server.disconnect({ sub: 'b' })
        },
      ),
      { numRuns: 25 },
    )
  })

  it('gathers what comes in a busy room: its polls are four in a second at most', async () => {
    start()
    const session = await open()
    await say(session, [join])
    let [last, polls] = [0, 0]
    const until = clock.monotonic() + 10_000
    const talk = setInterval(() => note(1))
    while (clock.monotonic() < until) {
      note(1)
      const { from, frames } = await poll(session, last)
      last = from + frames.length - 1
      polls += 1
    }
    clearInterval(talk)
    expect(polls).toBeLessThanOrEqual(41)
    expect(polls).toBeGreaterThan(20)
  })

  it('ends a minute after the last poll, and says so to whoever comes later', async () => {
    start()
    const session = await open()
    await say(session, [join])
    await poll(session)
    await clock.advance(59_000)
    expect(server.stats()).toMatchObject({ connections: 1, rooms: 1 })
    await clock.advance(10_000)
    expect(server.stats()).toMatchObject({ connections: 0, rooms: 0 })
    expect((await ask(`/${session}`)).status).toBe(410)
    expect((await say(session, [join])).status).toBe(410)
  })

  it('tells its client why it was ended, also while it waits', async () => {
    start()
    const [waiting, away] = [await open(), await open()]
    const answered = ask(`/${waiting}`)
    server.disconnect({ sub: 'a' }, 'Signed out')
    expect(await read(await answered)).toMatchObject({ end: { code: 1008, reason: 'Signed out' } })
    expect(await poll(away)).toMatchObject({ end: { code: 1008, reason: 'Signed out' } })
    await clock.advance(61_000)
    for (const session of [waiting, away]) expect((await ask(`/${session}`)).status).toBe(410)
  })

  it.each(['drained', 'closed'] as const)(
    'answers the last again for a minute, when that was lost, once the server is %s',
    async (how) => {
      start()
      const session = await open()
      await say(session, [join])
      const { from, frames } = await poll(session)
      const ack = from + frames.length - 1
      note(1)
      if (how === 'closed') await server.close()
      else void server.drain({ overMs: 0 })
      await clock.advance(50)
      const lost = await poll(session, ack)
      expect([lost.frames.length, lost.end?.code]).toEqual([1, how === 'closed' ? 1001 : 1012])
      await clock.advance(30_000)
      expect(await poll(session, ack)).toEqual(lost)
      // A client that asks again and again keeps it no longer.
      await clock.advance(31_000)
      expect((await ask(`/${session}?ack=${ack}`)).status).toBe(410)
    },
  )

  it('is over at once when its client says goodbye', async () => {
    start()
    const session = await open()
    await say(session, [join])
    expect((await ask(`/${session}?end=1`, { method: 'POST' })).status).toBe(202)
    expect(server.stats()).toMatchObject({ connections: 0, rooms: 0 })
    expect((await ask(`/${session}?end=1`, { method: 'POST' })).status).toBe(410)
  })

  it('keeps no more for a slow client than any connection may', async () => {
    start({ limits: { bufferedBytes: 10_000 } })
    const session = await open()
    await say(session, [join])
    for (let n = 0; n < 100 && server.stats().connections > 0; n++) {
      server.publish({ topic: 'room', event: 'note', payload: { text: 'x'.repeat(1000) }, private: false })
    }
    expect(server.stats().connections).toBe(0)
    expect(await poll(session)).toMatchObject({ frames: [], end: { code: 1006 } })
  })

  it('has one poll at a time: the one before is answered at once', async () => {
    start()
    const session = await open()
    const first = ask(`/${session}`)
    const second = ask(`/${session}`)
    expect((await read(await first)).frames).toEqual([])
    await say(session, [join])
    await clock.advance(300)
    expect((await read(await second)).frames).toHaveLength(1)
  })

  it('is counted as an event stream, and its place is freed', async () => {
    start({ limits: { perAccount: { eventStreams: 1 } } })
    await open()
    const authorization = `Bearer ${await signTestToken(jwtSecret, { sub: 'a' })}`
    const second = await ask('', { method: 'POST', headers: { authorization } })
    expect([second.status, second.headers.get('retry-after')]).toEqual([429, '10'])
    server.disconnect({ sub: 'a' })
    expect((await ask('', { method: 'POST', headers: { authorization } })).status).toBe(200)
  })

  it('holds up no server that closes', async () => {
    start()
    const session = await open()
    const answered = ask(`/${session}`)
    await server.close()
    expect(await read(await answered)).toMatchObject({ end: { code: 1001 } })
  })
})
