// The server of one contender, told over IPC what to publish.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { postgresBus } from '@msc/realtime/bus'
import { redisBus } from '@msc/realtime/bus/redis'
import { createRealtimeServer, type PostgresClient, type RealtimeBus } from '@msc/realtime/server'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Server as SocketIo } from 'socket.io'
import { WebSocketServer, type WebSocket } from 'ws'
import type { ServerCommand, ServerFigures } from './figures.ts'

const [kind = '', secret = '', busUrl] = process.argv.slice(2)
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** About 200 bytes, with the time at which it was handed to the server. */
function message(): { t: number; text: string } {
  return { t: performance.timeOrigin + performance.now(), text: 'x'.repeat(130) }
}

const http = createServer()
let publish: (topic: string) => void

if (kind === 'msc') {
  const server = createRealtimeServer({
    jwtSecret: secret,
    authorize: () => true,
    ...(busUrl && { bus: busAt(busUrl) }),
    // Ten thousand clients of one machine.
    limits: { connections: 20_000, framesPerSecond: 1000, perAccount: false, perAddress: false },
  })
  http.on('upgrade', (request, socket, head) => {
    if (!server.handleUpgrade(request, socket, head)) socket.destroy()
  })
  publish = (topic) => void server.publish({ topic, event: 'm', payload: message(), private: false })
} else if (kind === 'socket.io') {
  const io = new SocketIo(http, {
    transports: ['websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    serveClient: false,
  })
  io.on('connection', (socket) => {
    socket.on('join', (topic: string, done: () => void) => {
      void socket.join(topic)
      done()
    })
  })
  publish = (topic) => void io.to(topic).emit('m', message())
} else {
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false })
  const rooms = new Map<string, Set<WebSocket>>()
  sockets.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => {
      const topic = data.toString()
      rooms.set(topic, (rooms.get(topic) ?? new Set()).add(socket))
      socket.send('joined')
    })
  })
  publish = (topic) => {
    // Built once, and sent as bytes: the least there is to do.
    const frame = Buffer.from(JSON.stringify(message()))
    for (const socket of rooms.get(topic) ?? []) socket.send(frame, { binary: false })
  }
}

function busAt(url: string): RealtimeBus {
  if (url.startsWith('redis:')) return redisBus({ client: new Redis(url) })
  return postgresBus({ client: new pg.Pool({ connectionString: url, max: 3 }) as unknown as PostgresClient })
}

let delay = monitorEventLoopDelay({ resolution: 1 })
process.on('message', (command: ServerCommand) => {
  if (command.do === 'publish') return publish(command.topic)
  if (command.do === 'watch') {
    delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    return
  }
  if (command.do === 'stop') process.exit(0)
  collect()
  const figures: ServerFigures = { rss: process.memoryUsage().rss, stallMs: delay.max / 1e6 }
  process.send?.(figures)
})
http.listen(0, '127.0.0.1', 4096, () => process.send?.((http.address() as AddressInfo).port))
