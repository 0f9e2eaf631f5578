/** The most lines and bytes of one kind that wait for a slow disk. */
const MAX_WAITING = 20_000
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** The lines that wait to be written to the files of one kind, and the current file. */
export interface Lane {
  readonly kind: string
  waiting: Buffer[]
  waitingBytes: number
  segment: { readonly path: string; readonly startedAt: number; bytes: number } | undefined
  /** When its last file began, even if that is no longer written to. */
  startedAt: number
}

export interface Chunk {
  readonly bytes: Buffer
  readonly lines: number
}

export function createLane(kind: string): Lane {
  return { kind, waiting: [], waitingBytes: 0, segment: undefined, startedAt: -1 }
}

/** Returns false when too many lines are waiting. */
export function addLine(lane: Lane, line: string): boolean {
  if (lane.waiting.length >= MAX_WAITING || lane.waitingBytes >= MAX_WAITING_BYTES) return false
  const bytes = Buffer.from(`${line}\n`)
  lane.waiting.push(bytes)
  lane.waitingBytes += bytes.length
  return true
}

/** Takes whole lines of at most `maxBytes` together, but at least one if there is any. */
export function takeChunk(lane: Lane, maxBytes: number): Chunk {
  let lines = 0
  let size = 0
  for (const { length } of lane.waiting) {
    if (lines > 0 && size + length > maxBytes) break
    lines += 1
    size += length
  }
  const bytes = Buffer.concat(lane.waiting.slice(0, lines))
  lane.waiting = lane.waiting.slice(lines)
  lane.waitingBytes -= size
  return { bytes, lines }
}
