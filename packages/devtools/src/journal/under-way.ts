import type { Disk } from './disk.ts'

/** How long `flushSync` waits for a write that the system has begun, in milliseconds. */
const UNDER_WAY_MS = 250

/** A write that the system was asked for. */
export interface UnderWay {
  readonly path: string
  /** The file's size before the write. */
  readonly from: number
  readonly bytes: Buffer
  /** True once `flushSync` has handled it. */
  settled: boolean
}

/**
 * Makes sure that a write under way reaches its file. The write continues on another thread, so this waits for it; if
 * it does not finish, the bytes are written here, and readers drop the duplicates.
 */
export function settle(underWay: UnderWay, disk: Disk): void {
  if (underWay.settled) return
  underWay.settled = true
  const { path, from, bytes } = underWay
  try {
    const pause = new Int32Array(new SharedArrayBuffer(4))
    for (let waited = 0; waited < UNDER_WAY_MS; waited++) {
      if (disk.readSync(path, from).includes(bytes)) return
      Atomics.wait(pause, 0, 0, 1)
    }
    const torn = disk.sizeSync(path) > from
    disk.appendSync(path, torn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes)
  } catch {
    // The asynchronous write will report what is wrong with the disk, if it fails.
    underWay.settled = false
  }
}
