import { appendFileSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What the journal's writer asks of a file system; passed in, so that tests can fill a disk. */
export interface Disk {
  /** Opens for appending; makes the file and its folder where they are missing. */
  open(path: string): Promise<OpenFile>
  appendSync(path: string, bytes: Uint8Array): void
  /** What stands in the file from `position` on. */
  readSync(path: string, position: number): Buffer
  /** Bytes; 0 for a file that is not there. */
  sizeSync(path: string): number
  remove(path: string): Promise<void>
}

export interface OpenFile {
  size(): Promise<number>
  /** One call of the system, so that what other processes append does not come between. Returns the bytes written. */
  write(bytes: Uint8Array): Promise<number>
  close(): Promise<void>
}

/** Only who runs the process may read it: a journal holds what people did. */
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
