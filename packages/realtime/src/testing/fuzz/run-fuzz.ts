import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FeedSource } from '../../feed/source.ts'
import {
  startRealtimeServer,
  type LimitOptions,
  type RealtimeStats,
  type StandaloneServer,
} from '../../server/index.ts'
import { signTestToken } from '../tokens.ts'
import { createChoose, type Choose } from './choose.ts'
import { restFuzzer, socketFuzzer, streamFuzzer, type Fuzzer, type FuzzerOptions } from './fuzzers.ts'
import type { Vocabulary } from './hostile-frames.ts'
import { startQuietUsers } from './quiet-users.ts'

export interface FuzzOptions {
  /** Frames and bodies. */
  readonly scripts: number
  readonly seed: number
  /** MiB that the process may have more on its heap in the end than it began with. Default 64. */
  readonly heapMib?: number
}

export interface FuzzReport {
  readonly seed: number
  readonly scripts: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
  /** Messages that the two quiet users exchanged meanwhile. */
  readonly exchanged: number
  readonly perSecond: number
  /** What was taken of it all. */
  readonly joins: number
  readonly broadcasts: number
  /** MiB: the largest resident set, and what the heap has grown by. */
  readonly rss: number
  readonly heapGrowth: number
  /** By reason. */
  readonly refused: string
}

const jwtSecret = 'a-secret-for-fuzzing-that-is-long-enough-0123'
const PATIENCE_MS = 20_000
const MIB = 1024 * 1024

/** So wide that everything is parsed and carried out; with small frames, so that many are too large. */
const WIDE: LimitOptions = {
  framesPerSecond: 1e9,
  frameBytes: 64 * 1024,
  topics: 20,
  presencePerSecond: 1e9,
  presencePerRoom: 30,
  perAccount: false,
  perAddress: false,
}

/**
 * Sends frames and bodies that nobody should to a real server on loopback, over sockets of both versions, event streams and
 * REST, as visitors and as users, while two quiet users exchange messages. What must hold: the process goes on, nothing fails
 * inside of the server, each quiet message arrives, memory stays bounded. Four in five of them meet limits that refuse no rate;
 * the last fifth meets the defaults.
 */
export async function runRealtimeFuzz({ scripts, seed, heapMib = 64 }: FuzzOptions): Promise<FuzzReport> {
  const violations: string[] = []
  const from = performance.now()
  const memory = watchMemory()
  const wide = await runPart(Math.ceil(scripts * 0.8), seed, WIDE, violations)
  const standard = await runPart(scripts - Math.ceil(scripts * 0.8), seed + 1, {}, violations)
  const seconds = (performance.now() - from) / 1000
  const { rss, heapGrowth } = memory.stop()
  if (heapGrowth > heapMib) violations.push(`The heap has grown by ${heapGrowth} MiB, more than ${heapMib}`)
  const sent = wide.sent + standard.sent
  const refused = [wide, standard].map((part) => JSON.stringify(part.stats.refused)).join(' and by default ')
  return {
    seed,
    scripts: sent,
    broken: violations.length > 0 ? [{ seed, violations }] : [],
    exchanged: wide.exchanged + standard.exchanged,
    joins: wide.stats.joins + standard.stats.joins,
    broadcasts: wide.stats.broadcasts + standard.stats.broadcasts,
    perSecond: Math.round(sent / seconds),
    rss,
    heapGrowth,
    refused,
  }
}

interface Part {
  readonly sent: number
  readonly exchanged: number
  readonly stats: RealtimeStats
}

async function runPart(scripts: number, seed: number, limits: LimitOptions, violations: string[]): Promise<Part> {
  const server = await startRealtimeServer({
    jwtSecret,
    // Now at once and now later, as a database would.
    authorize: async ({ claims, topic }) => {
      await Promise.resolve()
      return topic === 'quiet' ? claims.sub?.startsWith('quiet') === true : !topic.startsWith('closed')
    },
    feeds: emptyFeeds(),
    limits,
    clientAddress: ({ headers }) => String(headers['x-address']),
    onError: (error, { operation }) => void violations.push(`${operation}: ${String(error)}`),
  })
  const quiet = await startQuietUsers(server.url, await quietTokens(), PATIENCE_MS)
  const fuzzers = await createFuzzers(server, seed)
  let sent = 0
  const go = async (fuzzer: Fuzzer): Promise<void> => {
    while (sent < scripts && violations.length < 20) {
      const round = await fuzzer.round()
      sent += round
    }
  }
  const settled = await Promise.allSettled(fuzzers.map(go))
  for (const each of settled) if (each.status === 'rejected') violations.push(String(each.reason))
  violations.push(...(await quiet.stop()))
  for (const fuzzer of fuzzers) fuzzer.close()
  const stats = server.stats()
  await server.close()
  const { connections, rooms } = server.stats()
  if (connections + rooms > 0) violations.push(`${connections} connections and ${rooms} rooms are left`)
  return { sent, exchanged: quiet.exchanged, stats }
}

async function createFuzzers(server: StandaloneServer, seed: number): Promise<Fuzzer[]> {
  const users = Array.from({ length: 6 }, (_, n) => `user${n}`)
  const [anonymous, expired, forged, ...own] = await Promise.all([
    signTestToken(jwtSecret, { role: 'anon' }),
    signTestToken(jwtSecret, { sub: 'user0' }, -10),
    signTestToken(`${jwtSecret}, but not the same`, { sub: 'user0' }),
    ...users.map((sub) => signTestToken(jwtSecret, { sub })),
  ])
  const words: Vocabulary = {
    topics: [
      // Mostly those in which there is somebody.
      ...Array.from({ length: 4 }, () => [
        'realtime:lobby',
        'realtime:a',
        'realtime:b',
        'realtime:feed:items:user0',
      ]).flat(),
      ...['quiet', 'closed', '__proto__', '', 'å'.repeat(130)].map((topic) => `realtime:${topic}`),
      'phoenix',
      'nonsense',
      '',
    ],
    tokens: [anonymous, expired, forged, ...own, 'no token', ''],
    keys: [...users, 'user0:phone', 'quiet0', '__proto__', '', 'å'.repeat(128)],
  }
  const make = (token: string, nth: number): Fuzzer[] => {
    const choose = createChoose(seed * 1000 + nth)
    const door = { origin: server.url, token, address: () => addressOf(choose) }
    const options: FuzzerOptions = { choose, words, door, patienceMs: PATIENCE_MS }
    return [
      socketFuzzer(options, nth % 2 === 0 ? '2.0.0' : '1.0.0'),
      ...(nth % 3 === 0 ? [streamFuzzer(options)] : []),
      ...(nth % 4 === 0 ? [restFuzzer(options)] : []),
    ]
  }
  return [anonymous, anonymous, ...own].flatMap(make)
}

const addressOf = (choose: Choose): string => `198.51.${choose.below(256)}.${choose.below(256)}`

const quietTokens = (): Promise<[string, string]> =>
  Promise.all([signTestToken(jwtSecret, { sub: 'quiet0' }), signTestToken(jwtSecret, { sub: 'quiet1' })])

/** A database in which nothing happens. */
function emptyFeeds(): FeedSource {
  const page = { cursor: '00000000-0000-4000-8000-000000000000:1', events: [], gap: false, more: false }
  return { start: async () => undefined, since: async () => page, replay: async () => [], close: async () => undefined }
}

/** Measures what is in use, after what is garbage was collected, and the largest resident set in between. */
function watchMemory(): { stop(): { rss: number; heapGrowth: number } } {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  let rss = 0
  const sample = (): void => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }
  const timer = setInterval(sample, 100)
  return {
    stop() {
      clearInterval(timer)
      sample()
      return { rss: Math.round(rss / MIB), heapGrowth: Math.round((used() - before) / MIB) }
    },
  }
}
