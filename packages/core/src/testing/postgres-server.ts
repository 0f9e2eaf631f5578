import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from './free-port.ts'
import { statOf, stopProcess } from './stop-process.ts'

export interface RunningPostgres {
  readonly url: string
  readonly pid: number
  /** Sends SIGSTOP: the server keeps its sockets open and does not answer. Returns when each of its processes has stopped. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/**
 * Starts a separate Postgres on a free loopback port, with an empty database in a temporary folder. Node only. Where many are
 * started, the environment variable `MSC_POSTGRES_TEMPLATE` names a folder in which the first one leaves a copy of its files to
 * the others: they then have one system identifier.
 *
 * @param options.password Required of every client, and part of `url`. Default: no password.
 * @param options.durable Waits for the disk at every commit, as a production server does. Default `false`: a commit then
 * survives everything but a crash of the machine, and takes a fifth of the time.
 * @throws Error that says what to install if Postgres is not installed.
 */
export async function startPostgres(
  options: { readonly password?: string; readonly durable?: boolean } = {},
): Promise<RunningPostgres> {
  const { password, durable = false } = options
  const bin = findBinaries()
  if (!bin) throw new Error('Postgres is not installed. Debian: apt-get install postgresql')
  const folder = mkdtempSync(join(tmpdir(), 'msc-postgres-'))
  // Postgres refuses to run as root. Debian's package creates a user for it.
  const as = process.getuid?.() === 0 ? userOf('postgres') : undefined
  if (as) chownSync(folder, as.uid, as.gid)
  const data = join(folder, 'data')
  const templates = password === undefined ? process.env['MSC_POSTGRES_TEMPLATE'] : undefined
  if (!templates || !copied(join(templates, 'data'), data)) {
    const made = spawnSync(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'msc', ...authentication(folder, password, as), '-E', 'UTF8', '--no-locale', '-N'],
      {
        cwd: folder,
        encoding: 'utf8',
        ...as,
      },
    )
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
    if (templates) leaveCopy(data, templates)
  }
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    max_connections: 60,
    ...(!durable && { fsync: 'off', full_page_writes: 'off' }),
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...as,
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const resume = (): void => resumeAll(child.pid as number)
  // SIGQUIT is an immediate shutdown, which may lose data that no test needs any more.
  const kill = (): void => {
    child.kill('SIGQUIT')
    // What is paused ends when it is resumed.
    resume()
  }
  process.once('exit', kill)
  await new Promise<void>((resolve, reject) => {
    let output = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Postgres exited at startup with code ${code}: ${output}`)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000)
      if (text.includes('ready to accept connections')) resolve()
    })
  })
  return {
    url: `postgres://msc${password === undefined ? '' : `:${encodeURIComponent(password)}`}@127.0.0.1:${port}/postgres`,
    pid: child.pid as number,
    pause: () => stopAll(child.pid as number),
    resume,
    async close() {
      process.removeListener('exit', kill)
      kill()
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Copies the files that `initdb` has made, with their owner; a tenth of its time. False where there are none. */
function copied(from: string, to: string): boolean {
  return existsSync(from) && spawnSync('cp', ['-a', from, to]).status === 0
}

/** Leaves them to the next one in this folder, whole or not at all. */
function leaveCopy(data: string, templates: string): void {
  const own = join(templates, `.${process.pid}-${Date.now()}`)
  if (!copied(data, own)) return
  try {
    renameSync(own, join(templates, 'data'))
  } catch {
    // Another process was faster.
    rmSync(own, { recursive: true, force: true })
  }
}

function authentication(
  folder: string,
  password: string | undefined,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): string[] {
  if (password === undefined) return ['-A', 'trust']
  const file = join(folder, 'password')
  writeFileSync(file, password, { mode: 0o600 })
  if (owner) chownSync(file, owner.uid, owner.gid)
  return ['-A', 'scram-sha-256', `--pwfile=${file}`]
}

/**
 * Stops the server and its children. Each connection has its own process, which a signal to the parent does not reach,
 * and the parent forks until it has stopped: only then are its children counted.
 */
function stopAll(pid: number): void {
  stopProcess(pid)
  for (const child of childrenOf(pid)) stopProcess(child)
}

function resumeAll(pid: number): void {
  for (const each of [pid, ...childrenOf(pid)]) signal(each, 'SIGCONT')
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name)
  } catch {
    // The process has exited in the meantime.
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((each) => /^\d+$/.test(each) && Number(statOf(Number(each))[1]) === pid)
    .map(Number)
}

/** Finds the folder of the binaries: Debian's, else one on the PATH. */
function findBinaries(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

function userOf(name: string): { uid: number; gid: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

export { startLeavingPostgres } from './leaving-postgres.ts'
export { startTransactionPooler, type TransactionPooler, type TransactionPoolerOptions } from './transaction-pooler.ts'
