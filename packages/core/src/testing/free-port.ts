import { createServer } from 'node:net'
import { listen } from './listen.ts'

/** Below the ports that operating systems give to outgoing connections (from 32 768 on Linux, from 49 152 elsewhere). */
const [FIRST, LAST] = [20_000, 32_767]
/** Workers of a test run that draw from ports of their own: none gets the port of a server that another is restarting. */
const WORKERS = 16
const ROUNDS = Math.floor((LAST - FIRST + 1) / WORKERS)
/** Ports that this worker has had, for the same reason. */
const given = new Set<number>()

/**
 * Returns a TCP port on 127.0.0.1 that was free a moment ago. A server that ends and starts again on it finds it free, because
 * no outgoing connection of another test takes it meanwhile. Node only.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS || 0
    const candidate = FIRST + Math.floor(Math.random() * ROUNDS) * WORKERS + worker
    if (attempt < 100 && given.has(candidate)) continue
    try {
      // Where all of these are taken, any port will do.
      const { port, close } = await listen(createServer(), attempt < 100 ? candidate : 0)
      await close()
      given.add(port)
      return port
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EADDRINUSE') throw error
    }
  }
}
