import { spawn } from 'node:child_process'
import { freePort, stopProcess } from '@msc/core/testing'

/** A Redis of its own, for tests. */
export interface TestRedis {
  readonly port: number
  /** Its sockets stay open, and it answers nothing. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

export async function openRedis(port?: number): Promise<TestRedis> {
  const at = port ?? (await freePort())
  const child = spawn('redis-server', ['--port', `${at}`, '--bind', '127.0.0.1', '--save', ''], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    child.stdout.on('data', (text) => String(text).includes('Ready to accept') && resolve())
  })
  return {
    port: at,
    pause: () => stopProcess(child.pid as number),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      process.removeListener('exit', kill)
      kill()
      await ended
    },
  }
}
