import { connect, createServer, type Socket } from 'node:net'
import { listen } from './listen.ts'

export interface ChaosProxy {
  readonly port: number
  /** Connections that are open, frozen ones included. */
  readonly connections: number
  /** Ends every connection at once, as a restart of a router does. `share`: of each, from 0 to 1. */
  kill(share?: number): void
  /** Connections that stay open and carry nothing any more, in neither direction: what a dead network looks like. */
  freeze(share?: number): void
  /** Refuses new connections until it is called with false. */
  refuse(refusing: boolean): void
  /** Milliseconds that everything takes longer, in either direction. */
  delay(ms: number): void
  close(): Promise<void>
}

/** Stands between clients and a server on 127.0.0.1, and does what networks do. */
export async function startChaosProxy(
  targetPort: number,
  options: { readonly random?: () => number } = {},
): Promise<ChaosProxy> {
  const { random = Math.random } = options
  const pairs = new Set<Pair>()
  let refusing = false
  let delayMs = 0

  const server = createServer((client) => {
    if (refusing) return void client.destroy()
    const upstream = connect(targetPort, '127.0.0.1')
    const pair: Pair = { client, upstream, frozen: false }
    pairs.add(pair)
    const end = (): void => {
      // What is frozen is not told that the other side has gone.
      if (pair.frozen) return
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    const pipe = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => {
        if (pair.frozen) return
        if (delayMs === 0) return void to.write(bytes)
        setTimeout(() => !pair.frozen && !to.destroyed && to.write(bytes), delayMs)
      })
      from.on('error', end)
      from.on('close', end)
    }
    pipe(client, upstream)
    pipe(upstream, client)
  })
  const { port, close } = await listen(server)
  const some = (share: number): Pair[] => [...pairs].filter(() => random() < share)
  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.upstream.destroy()
  }
  return {
    port,
    get connections() {
      return pairs.size
    },
    kill: (share = 1) => some(share).forEach(drop),
    freeze(share = 1) {
      for (const pair of some(share)) pair.frozen = true
    },
    refuse(next) {
      refusing = next
    },
    delay(ms) {
      delayMs = ms
    },
    async close() {
      for (const pair of pairs) drop(pair)
      await close()
    },
  }
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
  frozen: boolean
}
