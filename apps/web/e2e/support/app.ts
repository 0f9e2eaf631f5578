import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../..', import.meta.url))

/** The built app as `npm start` runs it, in a separate process with its own data folder. */
export interface RunningApp {
  readonly url: string
  /** Everything that the server has printed. */
  readonly output: () => string
  /** The key that signs its sessions. */
  readonly jwtSecret: () => string
  stop(): Promise<void>
}

/** @param env Added to a clean environment: the variables of the person who runs the tests must not reach the app. */
export async function startApp(
  port: number,
  env: Readonly<Record<string, string>>,
  host = '127.0.0.1',
): Promise<RunningApp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-e2e-'))
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['server/main.ts'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH,
      HOME,
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      PORT: String(port),
      MSC_DATA_DIR: dataDir,
      ...env,
    },
  })
  let output = ''
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.includes('Stop: Ctrl-C')) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', (code) => reject(new Error(`The app ended at start with code ${code}:\n${output}`)))
  })
  return {
    url: `http://${host}:${port}`,
    output: () => output,
    jwtSecret: () => env['SUPABASE_JWT_SECRET'] ?? readFileSync(join(dataDir, 'jwt-secret'), 'utf8').trim(),
    async stop() {
      child.kill('SIGINT')
      await exited
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
