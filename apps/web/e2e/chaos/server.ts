import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { seededUsers } from '../../lib/db/seed.ts'

const folder = fileURLToPath(new URL('../..', import.meta.url))

/** The built app in a process that can be killed and started again on the same folder. */
export interface Server {
  readonly url: string
  readonly pid: number
  /** Milliseconds for which the event loop was held at most since the last call. Needs `watch-loop.ts`. */
  heldMs(): Promise<number>
  kill(): Promise<void>
}

/** @param preload A module beside this one that is loaded into the server first. */
export async function startServer(
  port: number,
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  preload?: string,
): Promise<Server> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(
    process.execPath,
    [...(preload ? ['--import', `./e2e/chaos/${preload}`] : []), 'server/main.ts'],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH,
        HOME,
        NODE_ENV: 'production',
        NEXT_TELEMETRY_DISABLED: '1',
        MSC_PROFILE: 'local',
        MSC_ALLOW_EMBEDDED: '1',
        MSC_QUIET: '1',
        PORT: String(port),
        MSC_DATA_DIR: dataDir,
        ...env,
      },
    },
  )
  await untilReady(child)
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid as number,
    async heldMs() {
      const answer = once(child, 'message')
      child.send('ask')
      return (await answer)[0] as number
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  let output = ''
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-5000)
      if (output.includes('Stop: Ctrl-C')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', (code, signal) => reject(new Error(`The app ended with ${code ?? signal}:\n${output}`)))
  })
}

/** Returns the session cookie of a seeded account. */
export async function signIn(url: string, role: 'artist' | 'admin'): Promise<string> {
  const { email, password } = seededUsers.find((user) => user.role === role) as (typeof seededUsers)[number]
  const response = await fetch(`${url}/api/auth/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  const cookie = response.headers.get('set-cookie')?.split(';')[0]
  if (!cookie) throw new Error(`Signing in as ${role} was answered ${response.status}.`)
  return cookie
}

/** Returns the resident memory of a process, in bytes. Linux only. */
export function residentBytes(pid: number): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}
