import { sleep } from '@msc/core'
import { freePort, mulberry32, startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { startPostgres, startTransactionPooler } from '@msc/core/testing/postgres'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { WebSocket } from 'ws'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { feedSource, type FeedSourceOptions } from '../feed/source.ts'
import { feedMigration } from '../feed/sql.ts'
import { realtimeSchema } from '../server/policies/schema.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/start-server.ts'
import { signTestToken } from './tokens.ts'

export interface FeedChaosOptions {
  /** Of chaos, shared by the arrangements; setting up and catching up come on top. Default 1. */
  readonly minutes?: number
  readonly seed: number
  /** Default: all of them. */
  readonly arrangements?: readonly Arrangement[]
  /** Rows of one bulk. Default 100 000. */
  readonly bulk?: number
}

/** Which servers read which database. `pooled`: the second one through a transaction pooler. */
type Arrangement = 'pglite' | 'postgres' | 'two servers' | 'pooled'

export interface FeedChaosReport {
  readonly seed: number
  readonly scripts: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
  readonly rows: number
  readonly heard: number
  readonly bulks: number
  readonly 'rolled back': number
  readonly 'listeners killed': number
  readonly cuts: number
  readonly restarts: number
  readonly 'bad rows': number
}

const ALL: readonly Arrangement[] = ['postgres', 'two servers', 'pooled', 'pglite']
const USERS = 6
const WRITERS = 4
const SECRET = 'a-secret-for-tests-that-is-long-enough-0123'
/** Milliseconds without a row, when the chaos is over, after which what is missing does not come any more. */
const SILENCE_MS = 30_000

type Sums = Record<
  'rows' | 'heard' | 'bulks' | 'rolled back' | 'listeners killed' | 'cuts' | 'restarts' | 'bad rows',
  number
>

/**
 * Ends the connections that listen, cuts and freezes those of clients and restarts servers, while writers without pause commit
 * single rows, bulks, overlapping and long transactions and rows that can't be told, or roll them back. Each row that was
 * committed has to be heard exactly once by each of its owner's clients, in the order in which its writer wrote it, and nothing
 * else. There is no gap, as the history is kept.
 */
export async function runRealtimeChaos(options: FeedChaosOptions): Promise<FeedChaosReport> {
  const { minutes = 1, seed, arrangements = ALL, bulk = 100_000 } = options
  const random = mulberry32(seed)
  const sums: Sums = {
    rows: 0,
    heard: 0,
    bulks: 0,
    'rolled back': 0,
    'listeners killed': 0,
    cuts: 0,
    restarts: 0,
    'bad rows': 0,
  }
  const violations: string[] = []
  for (const arrangement of arrangements) {
    const ms = (minutes * 60_000) / arrangements.length
    const found = await runArrangement(arrangement, { ms, random, bulk, sums })
    violations.push(...found.map((each) => `${arrangement}: ${each}`))
  }
  return { seed, scripts: arrangements.length, broken: violations.length > 0 ? [{ seed, violations }] : [], ...sums }
}

interface Database {
  readonly sources: readonly FeedSourceOptions['client'][]
  /** One for each writer. */
  readonly sessions: readonly ((text: string, values?: unknown[]) => Promise<unknown>)[]
  /** Whether transactions of several sessions can overlap. */
  readonly parallel: boolean
  /** Ends the connections of the sources; returns how many. */
  killListeners(): Promise<number>
  close(): Promise<void>
}

interface Run {
  readonly ms: number
  readonly random: () => number
  readonly bulk: number
  readonly sums: Sums
}

const SCHEMA = `${realtimeSchema()}
create table items (owner text, n int, writer int, doc jsonb);
${feedMigration([{ table: 'items', owner: 'owner' }])}`

async function openPglite(servers: number): Promise<Database> {
  const db = await PGlite.create('memory://')
  await db.exec(SCHEMA)
  return {
    sources: Array.from({ length: servers }, () => db),
    sessions: Array.from({ length: WRITERS }, () => (text, values) => db.query(text, values)),
    parallel: false,
    killListeners: async () => 0,
    close: () => db.close(),
  }
}

async function openPostgres(servers: number, pooled: boolean): Promise<Database> {
  const server = await startPostgres()
  const closing: (() => Promise<unknown>)[] = [() => server.close()]
  const admin = new pg.Pool({ connectionString: server.url, max: WRITERS + 2 })
  closing.unshift(() => admin.end())
  await admin.query(SCHEMA)
  const sources: FeedSourceOptions['client'][] = []
  for (let index = 0; index < servers; index++) {
    let { url } = server
    if (pooled && index > 0) {
      const pooler = await startTransactionPooler(server.url, { servers: 4 })
      url = pooler.url
      closing.unshift(() => pooler.close())
    }
    const pool = new pg.Pool({
      connectionString: url,
      application_name: 'source',
      max: 4,
      connectionTimeoutMillis: 5000,
    })
    pool.on('error', () => undefined)
    sources.push(pool as never)
    closing.unshift(() => pool.end())
  }
  const clients = await Promise.all(Array.from({ length: WRITERS }, () => admin.connect()))
  closing.unshift(async () => clients.forEach((client) => client.release()))
  return {
    sources,
    sessions: clients.map((client) => (text, values) => client.query(text, values)),
    parallel: true,
    async killListeners() {
      const { rows } = await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'source'`,
      )
      return rows.length
    },
    async close() {
      for (const close of closing) await close()
    },
  }
}

/** What one client has heard. */
interface Listener {
  readonly user: number
  readonly client: Realtime
  /** How often each row was. */
  readonly counts: Uint8Array
  /** The last row of each writer. */
  readonly last: number[]
  heard: number
  disorder: number
  gaps: number
}

const MAX_ROWS_EACH = 4_000_000

async function runArrangement(arrangement: Arrangement, { ms, random, bulk, sums }: Run): Promise<string[]> {
  const servers = arrangement === 'two servers' || arrangement === 'pooled' ? 2 : 1
  const db =
    arrangement === 'pglite' ? await openPglite(servers) : await openPostgres(servers, arrangement === 'pooled')
  const start = async (index: number, port: number): Promise<StandaloneServer> => {
    const server = await startRealtimeServer({
      port,
      jwtSecret: SECRET,
      authorize: ({ claims, topic, action }) => action === 'read' && topic === `feed:items:${claims.sub}`,
      feeds: feedSource({ client: db.sources[index] as never, onError: () => undefined }),
      limits: { perAddress: false, perAccount: false, bufferedBytes: 64 * 1024 * 1024 },
      onError: () => undefined,
    })
    await server.ready
    return server
  }
  const running: StandaloneServer[] = []
  const proxies: ChaosProxy[] = []
  for (let index = 0; index < servers; index++) {
    const server = await start(index, await freePort())
    running.push(server)
    proxies.push(await startChaosProxy(server.port, { random }))
  }
  const listeners: Listener[] = []
  for (let user = 0; user < USERS; user++) {
    for (const { port } of proxies) listeners.push(listenAs(user, port, random))
  }
  await until(() => listeners.every(({ client }) => client.status === 'connected'), 30_000)

  const committed = Array.from({ length: USERS }, () => [] as number[])
  const next = Array.from({ length: USERS }, () => 0)
  const from = performance.now()
  const isOver = (): boolean => performance.now() - from > ms
  const writers = db.sessions.map((query, index) =>
    write({ query, index, parallel: db.parallel, random, bulk, sums, next, committed, isOver }),
  )
  while (!isOver()) {
    await sleep(100 + random() * 900)
    const dice = random()
    if (dice < 0.4) sums['listeners killed'] += await db.killListeners()
    else if (dice < 0.7) for (const proxy of proxies) proxy.kill(random())
    else if (dice < 0.85) for (const proxy of proxies) proxy.freeze(random() * 0.5)
    else {
      const index = Math.floor(random() * servers)
      const { port } = running[index] as StandaloneServer
      await running[index]?.close()
      running[index] = await start(index, port)
      sums.restarts += 1
    }
    if (dice >= 0.4 && dice < 0.85) sums.cuts += 1
  }
  await Promise.all(writers)
  await settle(listeners, committed)

  const violations: string[] = []
  for (const { user, counts, disorder, gaps, heard } of listeners) {
    const expected = new Set(committed[user])
    let [lost, twice, strange] = [0, 0, 0]
    for (const n of expected) if (counts[n] === 0) lost += 1
    for (let n = 0; n < (next[user] ?? 0); n++) {
      if ((counts[n] ?? 0) > 1) twice += 1
      if ((counts[n] ?? 0) > 0 && !expected.has(n)) strange += 1
    }
    sums.heard += heard
    if (lost + twice + strange + disorder + gaps > 0) {
      violations.push(
        `u${user}: ${lost} of ${expected.size} lost, ${twice} twice, ${strange} never committed, ${disorder} out of order, ${gaps} gaps`,
      )
    }
  }
  sums.rows += committed.reduce((sum, rows) => sum + rows.length, 0)
  await Promise.all(listeners.map(({ client }) => client.close()))
  for (const proxy of proxies) await proxy.close()
  for (const server of running) await server.close()
  await db.close()
  return violations
}

function listenAs(user: number, port: number, random: () => number): Listener {
  const client = createRealtime({
    driver: embedded({ url: `http://127.0.0.1:${port}/realtime/v1`, WebSocket: WebSocket as never, heartbeatMs: 2000 }),
    getToken: () => signTestToken(SECRET, { sub: `u${user}` }),
    random,
    onError: () => undefined,
  })
  const listener: Listener = {
    user,
    client,
    counts: new Uint8Array(MAX_ROWS_EACH),
    last: Array.from({ length: WRITERS }, () => -1),
    heard: 0,
    disorder: 0,
    gaps: 0,
  }
  client.feed<{ n: number; writer: number }>(
    'items',
    `u${user}`,
    ({ data: { n, writer } }) => {
      listener.heard += 1
      listener.counts[n] = Math.min(255, (listener.counts[n] ?? 0) + 1)
      if (n <= (listener.last[writer] ?? -1)) listener.disorder += 1
      listener.last[writer] = n
    },
    () => (listener.gaps += 1),
  )
  return listener
}

interface Writing {
  readonly query: Database['sessions'][number]
  readonly index: number
  readonly parallel: boolean
  readonly random: () => number
  readonly bulk: number
  readonly sums: Sums
  /** The next number of each user. */
  readonly next: number[]
  readonly committed: number[][]
  isOver(): boolean
}

const ROWS = `insert into items (owner, n, writer) select $1, n, $2 from generate_series($3::int, $4::int) as n`
const DEEP = `insert into items (owner, n, writer, doc) values ($1, $3, $2, (repeat('[', 5000) || repeat(']', 5000))::jsonb)`
const LARGE = `insert into items (owner, n, writer, doc) values ($1, $3, $2, to_jsonb(repeat('x', 2000000)))`

async function write(writing: Writing): Promise<void> {
  const { query, index, parallel, random, bulk, sums, next, committed, isOver } = writing
  /** Numbers are given away at once, so that those of a transaction that is rolled back are nobody's. */
  const take = (user: number, count: number): readonly [from: number, to: number] => {
    const from = next[user] ?? 0
    next[user] = Math.min(MAX_ROWS_EACH - 1, from + count)
    return [from, from + count - 1]
  }
  const note = (user: number, [from, to]: readonly [number, number]): void => {
    for (let n = from; n <= to; n++) committed[user]?.push(n)
  }
  const insert = async (user: number, range: readonly [number, number]): Promise<void> => {
    await query(ROWS, [`u${user}`, index, ...range])
  }
  while (!isOver()) {
    const user = Math.floor(random() * USERS)
    const dice = random()
    if (dice < 0.002) {
      const range = take(user, bulk)
      await insert(user, range)
      note(user, range)
      sums.bulks += 1
    } else if (dice < 0.01) {
      const range = take(user, 1)
      await query(random() < 0.7 ? DEEP : LARGE, [`u${user}`, index, range[0]])
      note(user, range)
      sums['bad rows'] += 1
    } else if (parallel && dice < 0.2) {
      // Long, and overlapping with those of others; its numbers are given away as it goes on.
      await query(random() < 0.3 ? 'begin isolation level repeatable read' : 'begin')
      const ranges: (readonly [number, readonly [number, number]])[] = []
      for (let part = 0; part < 3; part++) {
        const range = take(user, 1 + Math.floor(random() * 20))
        await insert(user, range)
        ranges.push([user, range])
        await sleep(random() < 0.05 ? random() * 2000 : random() * 20)
      }
      const keeps = random() < 0.8
      await query(keeps ? 'commit' : 'rollback')
      if (keeps) for (const [whose, range] of ranges) note(whose, range)
      else sums['rolled back'] += 1
    } else {
      const range = take(user, dice < 0.6 ? 1 : 1 + Math.floor(random() * 200))
      await insert(user, range)
      note(user, range)
    }
  }
}

/** Until everything was heard, or nothing is any more. */
async function settle(listeners: readonly Listener[], committed: readonly (readonly number[])[]): Promise<void> {
  let [total, at] = [-1, performance.now()]
  for (;;) {
    if (listeners.every(({ user, heard }) => heard >= (committed[user]?.length ?? 0))) break
    const heard = listeners.reduce((sum, each) => sum + each.heard, 0)
    if (heard !== total) [total, at] = [heard, performance.now()]
    if (performance.now() - at > SILENCE_MS) break
    await sleep(100)
  }
  // What comes twice would come now.
  await sleep(500)
}

async function until(isSo: () => boolean, ms: number): Promise<void> {
  const from = performance.now()
  while (!isSo()) {
    if (performance.now() - from > ms) throw new Error('[msc/realtime] The clients did not connect.')
    await sleep(20)
  }
}
