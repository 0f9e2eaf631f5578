import { sourceOf } from './segments.ts'

/** The most lines and bytes that wait for a slow disk: of one kind, or of all kinds of one source together. */
const MAX_WAITING = 20_000
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** The lines that wait to be written to the files of one kind and source, and the current file. */
export interface Lane {
  readonly name: string
  /** Absent for records of the process itself. */
  readonly source: string | undefined
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

export function createLane(name: string): Lane {
  return { name, source: sourceOf(name), waiting: [], waitingBytes: 0, segment: undefined, startedAt: -1 }
}

/** Says whether more lines may wait in one of `lanes`, which share a limit. */
export function hasRoom(lanes: Iterable<Lane>): boolean {
  let count = 0
  let bytes = 0
  for (const lane of lanes) {
    count += lane.waiting.length
    bytes += lane.waitingBytes
  }
  return count < MAX_WAITING && bytes < MAX_WAITING_BYTES
}

export function addLine(lane: Lane, line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  lane.waiting.push(bytes)
  lane.waitingBytes += bytes.length
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
