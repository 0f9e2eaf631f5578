import { appendFileSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The file system as the journal's writer uses it. It is passed in, so that tests can simulate a full disk. */
export interface Disk {
  /** Opens a file for appending; creates it and its folder if they are missing. */
  open(path: string): Promise<OpenFile>
  appendSync(path: string, bytes: Uint8Array): void
  /** Returns the content of the file from `position` on. */
  readSync(path: string, position: number): Buffer
  /** Returns the size in bytes; 0 for a missing file. */
  sizeSync(path: string): number
  remove(path: string): Promise<void>
}

export interface OpenFile {
  size(): Promise<number>
  /**
   * Writes with one system call, so that other processes' lines do not get in between. Returns the number of bytes
   * written.
   */
  write(bytes: Uint8Array): Promise<number>
  close(): Promise<void>
}

/** Only the process's own user may read the journal: it contains data about people. */
const MODE = 0o600

export const nodeDisk: Disk = {
  async open(path) {
    const handle = await openToAppend(path)
    return {
      size: async () => (await handle.stat()).size,
      write: async (bytes) => (await handle.write(bytes)).bytesWritten,
      close: () => handle.close(),
    }
  },
  appendSync(path, bytes) {
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, bytes, { mode: MODE })
  },
  readSync: (path, position) => readFileSync(path).subarray(position),
  sizeSync: (path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0,
  remove: (path) => rm(path, { force: true }),
}

async function openToAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a', MODE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await mkdir(dirname(path), { recursive: true })
    return open(path, 'a', MODE)
  }
}
