import { afterEach, describe, expect, it } from 'vitest'
import type { FeedMessage } from '../../feed/source.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const sockets: RawSocket[] = []
let server: StandaloneServer
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await server.close()
})

/** A server that asks for `allowed` feeds alone, and whose database says what the test wants. */
async function serve(allowed: readonly string[]) {
  const asked: string[] = []
  let publish: (message: FeedMessage) => void = () => undefined
  server = await startRealtimeServer({
    jwtSecret,
    authorize({ topic }) {
      asked.push(topic)
      return allowed.includes(topic)
    },
    feeds: {
      start: async (given) => void (publish = given),
      since: async () => ({ cursor: 'e:1:1:', events: [], gap: false, more: false }) as never,
      replay: async () => [],
      close: async () => undefined,
    },
    onError: () => undefined,
  })
  const insert = (schema: string, table: string, n: number): void => {
    const topic = `feed:${schema === 'public' ? '' : `${schema}.`}${table}:ana`
    const payload = { schema, table, operation: 'INSERT', record: { n }, old_record: null }
    const said = {
      id: `f${n}`,
      at: '',
      topic,
      event: 'INSERT',
      private: true,
      kind: 'row',
      json: JSON.stringify(payload),
    }
    publish({ ...said, payload } as never)
  }
  /** What can't be read. */
  const broken = (topic: string): void =>
    publish({
      id: 'f0',
      at: '',
      topic,
      event: 'INSERT',
      private: true,
      kind: 'row',
      json: '{}',
      get payload(): never {
        throw new SyntaxError('Too deep.')
      },
    } as never)
  return { asked, insert, broken }
}
async function subscribe(changes: readonly object[], sub?: string): Promise<{ socket: RawSocket; status: string }> {
  const claims = sub === undefined ? { role: 'service_role' } : { sub }
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, claims))
  sockets.push(socket)
  const { status } = await socket.ask('realtime:c', 'phx_join', { config: { postgres_changes: changes } })
  return { socket, status }
}
const rowsOf = ({ heard }: RawSocket): unknown[] =>
  heard.flatMap(([, event, payload]) =>
    event === 'postgres_changes' ? [(payload as { data: { schema: string; record: unknown } }).data] : [],
  )
const of = (schema: string, table: string) => ({ event: '*', schema, table })

describe('postgres_changes', () => {
  it.each([
    ['public', 'items', 'feed:items:ana'],
    ['hr', 'items', 'feed:hr.items:ana'],
    ['public', '*', 'feed:*:ana'],
    ['hr', '*', 'feed:hr.*:ana'],
    ['*', 'items', 'feed:*.items:ana'],
  ])('of the schema %s and the table %s ask about the feed %s', async (schema, table, topic) => {
    const { asked } = await serve([topic])
    expect((await subscribe([of(schema, table)], 'ana')).status).toBe('ok')
    expect(asked).toEqual([topic])
  })

  it('bring no row of a table that has the same name in another schema', async () => {
    const { insert } = await serve(['feed:items:ana', 'feed:hr.notes:ana'])
    expect((await subscribe([of('hr', 'items')], 'ana')).status).toBe('error')
    expect((await subscribe([of('public', 'notes')], 'ana')).status).toBe('error')
    const { socket } = await subscribe([of('public', 'items'), of('hr', 'notes')], 'ana')
    insert('hr', 'items', 1)
    insert('public', 'notes', 2)
    insert('public', 'items', 3)
    insert('hr', 'notes', 4)
    await expect.poll(() => rowsOf(socket).length).toBe(2)
    expect(rowsOf(socket)).toMatchObject([
      { schema: 'public', record: { n: 3 } },
      { schema: 'hr', record: { n: 4 } },
    ])
  })

  it('tell of a row that can not be read to those alone who asked for its table and schema', async () => {
    const { broken } = await serve([])
    const [own, other] = [await subscribe([of('hr', 'items')]), await subscribe([of('public', 'items')])]
    broken('feed:hr.items:ana')
    broken('feed:items:ana')
    for (const [{ socket }, schema] of [
      [own, 'hr'],
      [other, 'public'],
    ] as const) {
      await expect.poll(() => rowsOf(socket)).toMatchObject([{ schema, table: 'items', record: {} }])
    }
  })
})
