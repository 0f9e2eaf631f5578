import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { startPostgres } from '@msc/core/testing/postgres'
import { signTestToken } from '@msc/realtime/testing'
import { startRedisServer } from '../redis-server.ts'
import { target } from '../targets.ts'
import { SECRET, clientsScript, ended, latencies, p99, pause, serverScript } from './realtime.ts'
import { median } from '../measure.ts'

const CLIENTS = 10_000
const ROOM = 500
const USER_MESSAGES = 1000
const ROOM_MESSAGES = 30
const STDIO = { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] as ('ignore' | 'inherit' | 'ipc')[] }

/** Two servers on one bus with 10 000 sockets each: what a message costs that is for the other one's members. */
export async function benchRealtimeTwoServers(): Promise<void> {
  const backends = { Postgres: startPostgres, Redis: startRedisServer }
  for (const [name, start] of Object.entries(backends)) {
    const backend = await start()
    try {
      await measure(name, backend.url)
    } finally {
      await backend.close()
    }
  }
}

async function measure(name: string, url: string): Promise<void> {
  const token = await signTestToken(SECRET, { role: 'anon' })
  const servers: ChildProcess[] = []
  const clients: ChildProcess[] = []
  for (let index = 0; index < 2; index++) {
    const server = fork(serverScript, ['msc', SECRET, url], STDIO)
    servers.push(server)
    const [port] = (await once(server, 'message')) as [number]
    const args = ['msc', String(port), String(CLIENTS), String(ROOM), token, String(index * CLIENTS)]
    const own = fork(clientsScript, args, STDIO)
    clients.push(own)
    await once(own, 'message')
  }
  // Each has heard of the other.
  await pause(6000)
  const [first] = servers as [ChildProcess]
  /** Publishes on the first server, and waits for deliveries on either. */
  const measured = async (topic: string, here: number, there: number): Promise<[number[], number[]]> => {
    const got: [number[], number[]] = [[], []]
    first.send({ do: 'publish', topic })
    for (let waited = 0; got[0].length < here || got[1].length < there; waited += 2) {
      if (waited > 10_000)
        throw new Error(`${got[0].length} of ${here} and ${got[1].length} of ${there} deliveries came`)
      await pause(2)
      for (const [index, each] of clients.entries()) got[index as 0 | 1].push(...(await latencies(each)))
    }
    return got
  }
  const own: number[] = []
  const across: number[] = []
  // In turn, so that both see the same machine.
  for (let sent = 0; sent < USER_MESSAGES; sent++) {
    const user = Math.floor(Math.random() * CLIENTS)
    own.push(...(await measured(`user-${user}`, 1, 0))[0])
    across.push(...(await measured(`user-${CLIENTS + user}`, 0, 1))[1])
  }
  const rooms: [number[], number[]][] = []
  for (let sent = 0; sent < ROOM_MESSAGES; sent++) rooms.push(await measured('room', ROOM, ROOM))
  const [hereRoom, thereRoom] = [0, 1].map((index) => median(rooms.map((each) => p99(each[index as 0 | 1]))))
  console.log(`\nTwo servers with ${CLIENTS} sockets each, over ${name}; p99 in ms`)
  console.log(`  one user, on the same server ${p99(own).toFixed(1)}, on the other one ${p99(across).toFixed(1)}`)
  console.log(`  a room of ${2 * ROOM}: its half here ${hereRoom?.toFixed(1)}, there ${thereRoom?.toFixed(1)}`)
  target(`${name}: one user, beyond one server's`, p99(across) - p99(own), 20, 'ms')
  target(`${name}: a room, beyond one server's`, (thereRoom ?? NaN) - (hereRoom ?? NaN), 20, 'ms')
  await Promise.all([...clients, ...servers].map((child) => ended(child, 'SIGKILL')))
}
