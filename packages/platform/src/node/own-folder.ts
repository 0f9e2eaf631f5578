import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { ConfigError, assertOptions, assertText, isRecord, processSlot, readField } from '@msc/core'
import { makeFolder } from './make-folder.ts'

/** The right to write to a folder, until the process ends or `release` is called. */
export interface OwnedFolder {
  /** The folder's real path. */
  readonly path: string
  /**
   * Gives the folder up, for tests and for a server that starts again in its own process. Idempotent. With several owners
   * in the process, the last one's counts.
   */
  release(): void
}

export interface OwnFolderOptions {
  /** How the error of a second process names this one. Default: the command that started it. */
  readonly command?: string
}

/** The process that owns a folder. */
interface Holder {
  readonly pid: number
  /** ISO 8601. */
  readonly since: string
  readonly command: string
}

interface Held {
  readonly lock: DatabaseSync
  owners: number
}

/**
 * Makes this process the one owner of a folder, which is created if it is missing. Call it before anything in the folder is
 * opened: an embedded database, a journal and SQLite's writers destroy each other's data when two processes write to them.
 * Calls in one process share the ownership, also those of several copies of this package.
 *
 * The right is a lock of the operating system (SQLite's exclusive lock on `owner.lock`), which ends with the process however
 * it ends: nothing is ever left behind that has to be taken over, and no clock and no process id decides. `owner.json` names the
 * holder for people only. Network file systems without locks are not supported. Call it on the main thread, and let nothing else in
 * the process open `owner.lock`: POSIX ends a lock when any descriptor of the file is closed, a backup's too.
 *
 * @throws ConfigError `FOLDER_OWNED`, which names the process that has the folder; `FOLDER_UNUSABLE` when it can't be
 *   created or written to, whose message says why.
 */
export function ownFolder(folder: string, options: OwnFolderOptions = {}): OwnedFolder {
  assertText('platform', 'folder', folder)
  assertOptions('platform', options)
  if (options.command !== undefined) assertText('platform', 'command', options.command)
  // Not imported: esbuild, which builds this, writes `sqlite`, and that is another package.
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite')
  const path = usable(folder, () => makeFolder(folder))
  const held = processSlot('platform/owned-folders', () => new Map<string, Held>())
  const known = held.get(path)
  if (known) {
    known.owners += 1
  } else {
    const lock = lockOrRefuse(path, Database)
    const { command = process.argv.slice(1).join(' ') } = options
    const holder: Holder = { pid: process.pid, since: new Date().toISOString(), command }
    try {
      usable(folder, () => writeFileSync(holderFile(path), `${JSON.stringify(holder)}\n`, { mode: 0o600 }))
    } catch (error) {
      lock.close()
      throw error
    }
    held.set(path, { lock, owners: 1 })
  }
  let released = false
  return {
    path,
    release() {
      const mine = released ? undefined : held.get(path)
      released = true
      if (!mine || --mine.owners > 0) return
      held.delete(path)
      rmSync(holderFile(path), { force: true })
      mine.lock.close()
    },
  }
}

function lockOrRefuse(path: string, Database: typeof DatabaseSync): DatabaseSync {
  const lock = usable(path, () => new Database(join(path, 'owner.lock')))
  try {
    lock.exec('pragma locking_mode = exclusive; begin exclusive')
    return lock
  } catch (error) {
    lock.close()
    // 5 is SQLITE_BUSY.
    if (readField(error, 'errcode') !== 5) throw unusable(path, error)
    throw owned(path, error)
  }
}

function owned(path: string, cause: unknown): ConfigError {
  const holder = readHolder(path)
  const who = holder
    ? `process ${holder.pid} (${holder.command}), since ${holder.since}`
    : 'another process that has not yet written its name'
  return new ConfigError(`[msc/platform] The data folder ${path} belongs to ${who}.`, {
    code: 'FOLDER_OWNED',
    hint: `Stop ${holder ? `process ${holder.pid}` : 'it'} first, or give this one a folder of its own: set MSC_DATA_DIR.`,
    cause,
  })
}

function readHolder(path: string): Holder | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(holderFile(path), 'utf8'))
    if (!isRecord(found)) return undefined
    const { pid, since, command } = found
    return typeof pid === 'number' && typeof since === 'string' && typeof command === 'string'
      ? { pid, since, command: command.slice(0, 200) }
      : undefined
  } catch {
    return undefined
  }
}

function holderFile(path: string): string {
  return join(path, 'owner.json')
}

function usable<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw unusable(path, error)
  }
}

function unusable(path: string, cause: unknown): ConfigError {
  const why = readField(cause, 'code')
  const reason = typeof why === 'string' ? ` (${why})` : ''
  return new ConfigError(`[msc/platform] The data folder ${path} can not be written to${reason}.`, {
    code: 'FOLDER_UNUSABLE',
    hint: 'Give this user the right to write there, or set MSC_DATA_DIR to a folder that has it.',
    cause,
  })
}
