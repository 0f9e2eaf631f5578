import { afterEach, describe, expect, it } from 'vitest'
import { deferred } from '../../base/promises.ts'
import type { FeedHistory, FeedMessage } from '../../feed/source.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const TOPIC = 'feed:releases:7'
const PAGE: FeedHistory = {
  gap: false,
  more: false,
  cursor: '',
  events: [{ event: 'INSERT', payload: { n: 'secret' }, json: '{"n":"secret"}' }] as never,
}
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

/** A server whose feeds say and read what the test wants. */
async function serve(options: Partial<RealtimeServerOptions> & { readonly read?: () => Promise<FeedHistory> } = {}) {
  let publish: (message: FeedMessage) => void = () => undefined
  const { read = async () => PAGE, ...rest } = options
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    onError: () => undefined,
    feeds: {
      start: async (given) => void (publish = given),
      since: read,
      replay: async () => [],
      close: async () => undefined,
    },
    ...rest,
  })
  servers.push(server)
  const takeOut = (user: string): void => publish({ kind: 'access', topic: TOPIC, payload: { user } } as never)
  return { server, takeOut, miss: () => publish({ kind: 'missed', topic: '', payload: {} } as never) }
}
async function joined(server: StandaloneServer, sub: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
  sockets.push(socket)
  const { status } = await socket.ask(`realtime:${TOPIC}`, 'phx_join', { config: { private: true } })
  expect(status).toBe('ok')
  return socket
}
const eventsOf = ({ heard }: RawSocket): readonly string[] => heard.map(([, event]) => event)
async function post(server: StandaloneServer, path: string, sub: string, body: unknown): Promise<Response> {
  const token = await signTestToken(jwtSecret, { sub })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
}
const readByRest = (server: StandaloneServer, sub: string): Promise<Response> =>
  post(server, '/rest/v1/rpc/msc_feed_since', sub, { topic: TOPIC })

describe('whoever was taken out of a feed’s readers', () => {
  it('does not stay by a new token for which the policies were asked before', async () => {
    const [asked, answer] = [deferred<void>(), deferred<boolean>()]
    const { server, takeOut } = await serve({
      authorize: ({ claims }) => {
        if (claims.sub !== 'ben') return true
        asked.resolve()
        return answer.promise
      },
    })
    const socket = await joined(server, 'ana')
    socket.say(`realtime:${TOPIC}`, 'access_token', { access_token: await signTestToken(jwtSecret, { sub: 'ben' }) })
    await asked.promise
    takeOut('ben')
    expect(eventsOf(socket)).toEqual([])
    answer.resolve(true)
    await expect.poll(() => eventsOf(socket)).toEqual(['system', 'phx_close'])
    expect(server.stats().rooms).toBe(0)
  })

  it.each(['taken out', 'sent out'] as const)('hears no history that was read while they were %s', async (how) => {
    const [reading, page] = [deferred<void>(), deferred<FeedHistory>()]
    const { server, takeOut } = await serve({
      read: () => {
        reading.resolve()
        return page.promise
      },
    })
    const socket = await joined(server, 'ana')
    const answer = socket.ask(`realtime:${TOPIC}`, 'msc_since', {})
    await reading.promise
    if (how === 'taken out') takeOut('ana')
    else server.kick({ topic: TOPIC, sub: 'ana' })
    page.resolve(PAGE)
    const said = await answer
    expect([said.status, JSON.stringify(said)]).toEqual(['error', expect.not.stringContaining('secret')])
  })

  it('reads nothing by REST that was read meanwhile, nor while they were sent out of the topic', async () => {
    let reading = deferred<void>()
    let page = deferred<FeedHistory>()
    const { server, takeOut } = await serve({
      read: () => {
        reading.resolve()
        return page.promise
      },
    })
    for (const sendAway of [() => takeOut('ana'), () => server.kick({ topic: TOPIC, sub: 'ana', forMs: 60_000 })]) {
      ;[reading, page] = [deferred(), deferred()]
      const answer = readByRest(server, 'ana')
      await reading.promise
      sendAway()
      page.resolve(PAGE)
      expect((await answer).status).toBe(403)
    }
    // The others read on.
    expect(await (await readByRest(server, 'ben')).text()).toContain('secret')
  })
})

it('a plain stream ends when its last topic is closed to its reader', async () => {
  const { server, takeOut } = await serve()
  const authorization = `Bearer ${await signTestToken(jwtSecret, { sub: 'ana' })}`
  const other = 'feed:releases:8'
  const open = (query: string): Promise<Response> =>
    fetch(`${server.url}/realtime/v1/events?${query}`, { headers: { authorization } })
  const ended = (await open(`topic=${TOPIC}`)).text()
  const goesOn = await open(`topic=${TOPIC}&topic=${other}`)
  takeOut('ana')
  expect(await ended).toContain(`event: closed\ndata: {"topic":"${TOPIC}"}`)
  expect(server.stats()).toMatchObject({ connections: 1, rooms: 1 })
  await goesOn.body?.cancel()
})

it('nobody is refused for good where it is not known who was taken out: they ask again', async () => {
  let asked = deferred<void>()
  let answer = deferred<boolean>()
  const { server, miss } = await serve({
    authorize: () => {
      asked.resolve()
      return answer.promise
    },
  })
  const authorization = `Bearer ${await signTestToken(jwtSecret, { sub: 'ana' })}`
  const openStream = (): Promise<Response> =>
    fetch(`${server.url}/realtime/v1/events?topic=${TOPIC}`, { headers: { authorization } })
  for (const ask of [openStream, () => readByRest(server, 'ana')]) {
    ;[asked, answer] = [deferred(), deferred()]
    const answered = ask()
    await asked.promise
    miss()
    answer.resolve(true)
    const { status, headers } = await answered
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
  }
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'ana' }))
  sockets.push(socket)
  const join = (): ReturnType<RawSocket['ask']> =>
    socket.ask(`realtime:${TOPIC}`, 'phx_join', { config: { private: true } })
  ;[asked, answer] = [deferred(), deferred()]
  const joining = join()
  await asked.promise
  miss()
  answer.resolve(true)
  expect(await joining).toMatchObject({ status: 'error', msc: { code: 'UNAVAILABLE', retryable: true } })
  expect(await join()).toMatchObject({ status: 'ok' })
  ;[asked, answer] = [deferred(), deferred()]
  socket.say(`realtime:${TOPIC}`, 'access_token', { access_token: await signTestToken(jwtSecret, { sub: 'ana' }) })
  await asked.promise
  miss()
  answer.resolve(true)
  // The client joins again.
  await expect.poll(() => eventsOf(socket)).toContain('phx_error')
  expect(eventsOf(socket)).not.toContain('phx_close')
})

it('who is kept out of a topic says nothing there by REST, and elsewhere as before', async () => {
  const { server } = await serve()
  server.kick({ topic: 't', sub: 'ana', forMs: 60_000 })
  const say = async (sub: string, ...topics: string[]): Promise<number> => {
    const messages = topics.map((topic) => ({ topic, event: 'e', payload: {} }))
    return (await post(server, '/realtime/v1/api/broadcast', sub, { messages })).status
  }
  expect([await say('ana', 't'), await say('ana', 'u', 't'), await say('ana', 'u'), await say('ben', 't')]).toEqual([
    403, 403, 202, 202,
  ])
})
