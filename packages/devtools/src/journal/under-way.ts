import type { Disk } from './disk.ts'

/** Milliseconds that `flushSync` waits for a write which the system has begun. */
const UNDER_WAY_MS = 250

/** A write that the system was asked for. */
export interface UnderWay {
  readonly path: string
  /** The file's size before. */
  readonly from: number
  readonly bytes: Buffer
  /** `flushSync` has seen to it. */
  settled: boolean
}

/**
 * Sees to it that a write under way is in its file. It goes on in a thread of its own, so it is waited for; one that does
 * not come is written here, and a reader keeps a record that is there twice once.
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
    // The asynchronous write will say what is wrong with the disk, if it comes to that.
    underWay.settled = false
  }
}
