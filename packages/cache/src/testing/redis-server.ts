import { spawn } from 'node:child_process'
import { freePort, stopProcess } from '@msc/core/testing'

export interface RunningRedis {
  readonly port: number
  readonly pid: number
  /** Sends SIGSTOP: the server keeps its sockets open and does not answer. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/**
 * Starts a separate `redis-server` on a free loopback port, without persistence.
 *
 * @param options.port A fixed port, for example that of a closed server, to restart it there. Default: a free one.
 * @param options.password Required of every client. Default: no password.
 * @throws Error that says what to install if there is no `redis-server` on the PATH.
 */
export async function startRedis(
  options: { readonly port?: number; readonly password?: string } = {},
): Promise<RunningRedis> {
  const port = options.port ?? (await freePort())
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  if (options.password !== undefined) args.push('--requirepass', options.password)
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.once('error', () => reject(new Error('redis-server is not installed. Debian: apt-get install redis-server')))
    child.once('exit', (code) => reject(new Error(`redis-server exited at startup with code ${code}`)))
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      if (text.includes('Ready to accept connections')) resolve()
    })
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    port,
    pid: child.pid as number,
    pause: () => stopProcess(child.pid as number),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      process.removeListener('exit', kill)
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      await exited
    },
  }
}
