import { connect, createServer, type Socket } from 'node:net'
import { listen } from './listen.ts'

export interface ChaosProxy {
  readonly port: number
  /** The number of open connections, including frozen ones. */
  readonly connections: number
  /**
   * Ends connections at once, as the restart of a router does.
   *
   * @param share The probability for each connection, from 0 to 1. Default 1.
   */
  kill(share?: number): void
  /**
   * Stops the traffic of connections in both directions and keeps them open, as a dead network does.
   *
   * @param share The probability for each connection, from 0 to 1. Default 1.
   */
  freeze(share?: number): void
  /** Refuses new connections until it is called with `false`. */
  refuse(refusing: boolean): void
  /** Delays everything by `ms` milliseconds in each direction. */
  delay(ms: number): void
  close(): Promise<void>
}

/** Starts a proxy in front of a server on 127.0.0.1 that can fail as networks do. Node only. */
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
      // A dead network does not tell one side that the other has disconnected.
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
