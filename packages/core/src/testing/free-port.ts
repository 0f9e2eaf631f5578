import { createServer } from 'node:net'
import { listen } from './listen.ts'

/** Below the ports that operating systems give to outgoing connections (from 32 768 on Linux, from 49 152 elsewhere). */
const [FIRST, LAST] = [20_000, 32_767]

/**
 * Returns a TCP port on 127.0.0.1 that was free a moment ago. A server that ends and starts again on it finds it free, because
 * no outgoing connection of another test takes it meanwhile. Node only.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const candidate = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    try {
      // Where all of these are taken, any port will do.
      const { port, close } = await listen(createServer(), attempt < 100 ? candidate : 0)
      await close()
      return port
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EADDRINUSE') throw error
    }
  }
}
