import { createServer } from 'node:net'
import { listen } from './listen.ts'

/** Returns a TCP port on 127.0.0.1 that was free a moment ago. Node only. */
export async function freePort(): Promise<number> {
  const { port, close } = await listen(createServer())
  await close()
  return port
}
