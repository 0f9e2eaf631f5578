import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { signTestToken } from '@msc/realtime/testing'
import { median } from '../measure.ts'
import type { Latencies, ServerCommand, ServerFigures } from './figures.ts'
import { benchReconnect } from './reconnect.ts'
import { target } from '../targets.ts'

const CLIENTS = 10_000
const ROOM = 1000
const USER_MESSAGES = 500
const ROOM_MESSAGES = 30
const ALL_MESSAGES = 10
const ROUNDS = 3
/** V8 looks eight seconds after the last collection whether it has memory to give back. */
const REST_MS = 15_000
export const SECRET = 'a-secret-for-benchmarks-that-is-long-enough-01'
export const serverScript: string = fileURLToPath(new URL('server.ts', import.meta.url))
export const clientsScript: string = fileURLToPath(new URL('clients.ts', import.meta.url))

interface Figures {
  /** Right after all have come: V8's room for new objects has grown with them. */
  readonly kib: number
  /** When nothing has happened for a while, and V8 has given back what it does not need. */
  readonly restKib: number
  /** p99 of one message to each of many users. */
  readonly user: number
  /** p99 of one message to a thousand, the median of many. */
  readonly room: number
  readonly all: number
  readonly stall: number
}

/** 10 000 sockets at once, each contender's server in a process of its own, in turn. */
export async function benchRealtime(): Promise<void> {
  const kinds = ['msc', 'socket.io', 'ws'] as const
  const seen = new Map<string, Figures[]>(kinds.map((kind) => [kind, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of kinds) seen.get(kind)?.push(await run(kind))
  }
  const of = (kind: string, what: keyof Figures): number => median((seen.get(kind) ?? []).map((each) => each[what]))
  console.log(`\n${CLIENTS} sockets; p99 in ms, medians of ${ROUNDS} rounds`)
  console.log('               KiB each    at rest   one user   room of 1 000        all   loop stall')
  for (const kind of kinds) {
    const cells = (['kib', 'restKib', 'user', 'room', 'all', 'stall'] as const).map((what) =>
      of(kind, what).toFixed(1).padStart(11),
    )
    console.log(`  ${kind.padEnd(10)} ${cells.join(' ')}`)
  }
  target('memory of a socket, as all come at once', of('msc', 'kib'), 14, 'KiB')
  target('memory of a socket, at rest', of('msc', 'restKib'), 14, 'KiB')
  target("one user's message, p99", of('msc', 'user'), 10, 'ms')
  target('a room of 1 000, p99', of('msc', 'room'), 50, 'ms')
  target('a room of 1 000, p99, beside ws', of('msc', 'room') / of('ws', 'room'), 1.1, '×')
  target('all 10 000, p99, beside ws', of('msc', 'all') / of('ws', 'all'), 1.05, '×')
  target('all 10 000, p99, beside socket.io', of('msc', 'all') / of('socket.io', 'all'), 1, '×')
  target('the event loop stands still, at most', of('msc', 'stall'), 20, 'ms')
  await benchReconnect(SECRET)
}

async function run(kind: string): Promise<Figures> {
  const token = await signTestToken(SECRET, { role: 'anon' })
  const server = fork(serverScript, [kind, SECRET], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [port] = (await once(server, 'message')) as [number]
  const tell = (command: ServerCommand): void => void server.send(command)
  const figures = async (): Promise<ServerFigures> => {
    tell({ do: 'figures' })
    return ((await once(server, 'message')) as [ServerFigures])[0]
  }
  const before = await figures()
  const clients = fork(clientsScript, [kind, String(port), String(CLIENTS), String(ROOM), token], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await once(clients, 'message')
  await pause(1000)
  const after = await figures()

  /** Publishes, and waits until so many deliveries have come. */
  const measured = async (topic: () => string, messages: number, deliveries: number, everyMs: number) => {
    const all: Latencies[] = []
    for (let sent = 0; sent < messages; sent++) {
      tell({ do: 'publish', topic: topic() })
      const got: number[] = []
      for (let waited = 0; got.length < deliveries; waited += everyMs) {
        if (waited > 10_000) throw new Error(`${kind}: ${got.length} of ${deliveries} deliveries came`)
        await pause(everyMs)
        got.push(...(await latencies(clients)))
      }
      all.push(got)
    }
    return all
  }
  await measured(() => 'all', 3, CLIENTS, 200)
  const user = (await measured(() => `user-${Math.floor(Math.random() * CLIENTS)}`, USER_MESSAGES, 1, 2)).flat()
  const room = await measured(() => 'room', ROOM_MESSAGES, ROOM, 100)
  tell({ do: 'watch' })
  await pause(200)
  const everybody = await measured(() => 'all', ALL_MESSAGES, CLIENTS, 500)
  const { stallMs } = await figures()
  await pause(REST_MS)
  const atRest = await figures()
  await Promise.all([ended(clients, 'SIGKILL'), ended(server, 'SIGKILL')])
  return {
    kib: (after.rss - before.rss) / CLIENTS / 1024,
    restKib: (atRest.rss - before.rss) / CLIENTS / 1024,
    user: p99(user),
    room: median(room.map(p99)),
    all: median(everybody.map(p99)),
    stall: stallMs,
  }
}

export async function latencies(clients: ChildProcess): Promise<Latencies> {
  clients.send('latencies')
  return ((await once(clients, 'message')) as [Latencies])[0]
}

export async function ended(child: ChildProcess, signal: 'SIGKILL'): Promise<void> {
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN
}
