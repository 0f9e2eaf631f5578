import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** SIGSTOP: it keeps its sockets and answers nothing. */
  pause(): void
  close(): Promise<void>
}

/** A port on 127.0.0.1 at which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A `redis-server` of its own on loopback, without persistence. It dies with this process. */
export async function startRedisServer(): Promise<RedisServer> {
  const port = await closedPort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  // SIGKILL also ends a process that is stopped, which SIGTERM would not.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.once('error', () => reject(new Error('redis-server is not installed. Debian: apt-get install redis-server')))
    child.once('exit', (code) => reject(new Error(`redis-server ended at start with code ${code}`)))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('Ready to accept connections')) resolve()
    })
  })
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pause: () => void child.kill('SIGSTOP'),
    async close() {
      process.removeListener('exit', kill)
      kill()
      await exited
    },
  }
}
