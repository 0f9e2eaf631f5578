import { createRealtime } from '@msc/realtime'
import { embedded } from '@msc/realtime/embedded'
import { startRealtimeServer } from '@msc/realtime/server'
import { signTestToken } from '@msc/realtime/testing'
import { WebSocket } from 'ws'
import { atLeast } from '../targets.ts'

const CLIENTS = 1000

/** A server dies with 1 000 clients: how far apart do they come back? */
export async function benchReconnect(secret: string): Promise<void> {
  // A thousand clients of one machine.
  const limits = { perAccount: false, perAddress: false } as const
  const options = { jwtSecret: secret, authorize: () => true, limits }
  let server = await startRealtimeServer(options)
  const { port } = server
  const token = await signTestToken(secret, { role: 'anon' })
  const back: number[] = []
  let from = Number.NaN
  const clients = Array.from({ length: CLIENTS }, () => {
    const client = createRealtime({
      driver: embedded({ url: `http://127.0.0.1:${port}/realtime/v1`, apiKey: token, WebSocket: WebSocket as never }),
      getToken: () => token,
    })
    client.onStatus((status) => {
      if (status === 'connected' && from > 0) back.push(performance.now() - from)
    })
    return client
  })
  await Promise.all(clients.map((client) => client.channel('room').ready))
  await server.close()
  from = performance.now()
  server = await startRealtimeServer({ ...options, port })
  while (back.length < CLIENTS) await new Promise((resolve) => setTimeout(resolve, 50))
  const times = back.toSorted((a, b) => a - b)
  const spread = ((times[Math.floor(CLIENTS * 0.99)] ?? 0) - (times[Math.floor(CLIENTS * 0.01)] ?? 0)) / 1000
  console.log(`\n${CLIENTS} clients whose server was started again: the first after ${(times[0] ?? 0).toFixed(0)} ms`)
  atLeast('from the first to the last hundredth', spread, 5, 's')
  await Promise.all(clients.map((client) => client.close()))
  await server.close()
}
