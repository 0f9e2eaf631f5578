import { toError } from '@msc/core'
import type { Disk, OpenFile } from './disk.ts'
import { addLine, createLane, hasRoom, takeChunk, type Lane } from './lane.ts'
import type { NewestSegment } from './load.ts'
import { laneOf, segmentPath, sourceOf } from './segments.ts'
import { settle, type UnderWay } from './under-way.ts'

export interface WriterOptions {
  readonly dir: string
  readonly disk: Disk
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** The size of one file, in bytes. */
  readonly maxBytes: number
  /** How long one file is written to, in milliseconds. */
  readonly maxSegmentMs: number
  /**
   * The newest file of each lane. One that is whole is continued; of the others only the time is used, so that no new
   * file gets the name of a torn one, be it in the same millisecond or after the clock was put back.
   */
  readonly initial: readonly NewestSegment[]
  /** Called for the first failure, and for the first after each success. */
  readonly onError: (error: Error) => void
  /** Called when a new file has begun. */
  readonly onRotate: () => void
}

/** Appends lines to the files of their lanes, see `laneOf`. Nothing here throws, and only `flush` and `flushSync` wait. */
export interface Writer {
  /** Returns false when the line was not taken, because too many are waiting. */
  push(lane: string, line: string): boolean
  /** Resolves when no line is waiting. */
  flush(): Promise<void>
  /** Writes the waiting lines before it returns, including those of an asynchronous write that may never finish. */
  flushSync(): void
  /** Lines that could not be written. */
  readonly lost: number
}

/** The most kinds of one source. They come from code; if there are more all the same, the further ones share files. */
const MAX_LANES = 50
/** The most bytes of one write, unless a single line is longer. */
const CHUNK_BYTES = 256 * 1024

interface State extends WriterOptions {
  readonly lanes: Map<string, Lane>
  underWay: UnderWay | undefined
  draining: Promise<void> | undefined
  failing: boolean
  lost: number
}

export function createWriter(options: WriterOptions): Writer {
  const state: State = {
    ...options,
    lanes: new Map(),
    underWay: undefined,
    draining: undefined,
    failing: false,
    lost: 0,
  }
  for (const segment of options.initial) {
    const lane = findLane(state, segment.lane)
    if (segment.whole) lane.segment = { path: segment.path, startedAt: segment.startedAt, bytes: segment.bytes }
    lane.startedAt = segment.startedAt
  }
  return {
    get lost() {
      return state.lost
    },
    push(name, line) {
      const lane = findLane(state, name)
      // All that was received from one source waits in one room: there may be many kinds of it, and none of them is ours.
      if (!hasRoom(lane.source === undefined ? [lane] : lanesOf(state, lane.source))) {
        state.lost += 1
        return false
      }
      addLine(lane, line)
      state.draining ??= drain(state)
      return true
    },
    async flush() {
      // More lines may be pushed while the last ones are written.
      while (state.draining) await state.draining
    },
    flushSync() {
      if (state.underWay) settle(state.underWay, state.disk)
      for (const lane of state.lanes.values()) writeSync(state, lane)
    },
  }
}

function lanesOf({ lanes }: State, source: string | undefined): Lane[] {
  return [...lanes.values()].filter((lane) => lane.source === source)
}

function findLane(state: State, wanted: string): Lane {
  const { lanes } = state
  const source = sourceOf(wanted)
  const name = lanes.has(wanted) || lanesOf(state, source).length < MAX_LANES ? wanted : laneOf('other', source)
  let lane = lanes.get(name)
  if (!lane) {
    lane = createLane(name)
    lanes.set(name, lane)
  }
  return lane
}

async function drain(state: State): Promise<void> {
  // Waits for one turn, so that a burst becomes one write.
  await new Promise((resolve) => setImmediate(resolve))
  for (let lane = nextLane(state); lane; lane = nextLane(state)) await writeChunk(state, lane)
  state.draining = undefined
}

/** Returns the lane whose turn it is: one that is filled as fast as it is written must not keep the others waiting. */
function nextLane({ lanes }: State): Lane | undefined {
  for (const lane of lanes.values()) {
    if (lane.waiting.length === 0) continue
    lanes.delete(lane.name)
    lanes.set(lane.name, lane)
    return lane
  }
  return undefined
}

async function writeChunk(state: State, lane: Lane): Promise<void> {
  let path: string | undefined
  let file: OpenFile | undefined
  let lines = 0
  let underWay: UnderWay | undefined
  try {
    path = segmentFor(state, lane).path
    file = await state.disk.open(path)
    const from = await file.size()
    // Taken only now: `flushSync` may have written the waiting lines while the file was being opened.
    const chunk = takeChunk(lane, CHUNK_BYTES)
    if (chunk.lines === 0) return
    lines = chunk.lines
    state.underWay = underWay = { path, from, bytes: chunk.bytes, settled: false }
    for (let written = 0; written < chunk.bytes.length;) written += await file.write(chunk.bytes.subarray(written))
    succeeded(state, lane, path, chunk.bytes.length)
  } catch (error) {
    // If the file could not be opened, no line was taken: those that wait for it are lost.
    failed(state, lane, error, underWay ? (underWay.settled ? 0 : lines) : takeChunk(lane, CHUNK_BYTES).lines)
    if (path !== undefined) await discardEmpty(state, path)
  } finally {
    state.underWay = undefined
    await file?.close().catch(() => undefined)
  }
}

function writeSync(state: State, lane: Lane): void {
  const { bytes, lines } = takeChunk(lane, Infinity)
  if (lines === 0) return
  try {
    const { path } = segmentFor(state, lane)
    state.disk.appendSync(path, bytes)
    succeeded(state, lane, path, bytes.length)
  } catch (error) {
    failed(state, lane, error, lines)
  }
}

/** Returns the file to append to: a new one if there is none, or if the last one is too large or too old. */
function segmentFor(state: State, lane: Lane): NonNullable<Lane['segment']> {
  const { dir, now, maxBytes, maxSegmentMs } = state
  const before = lane.segment
  if (before && before.bytes < maxBytes && now() - before.startedAt < maxSegmentMs) return before
  const startedAt = Math.max(now(), lane.startedAt + 1)
  lane.startedAt = startedAt
  lane.segment = { path: segmentPath(dir, lane.name, startedAt), startedAt, bytes: 0 }
  return lane.segment
}

function succeeded(state: State, lane: Lane, path: string, bytes: number): void {
  state.failing = false
  if (lane.segment?.path !== path) return
  const isNew = lane.segment.bytes === 0
  lane.segment.bytes += bytes
  if (isNew) state.onRotate()
}

function failed(state: State, lane: Lane, error: unknown, lines: number): void {
  state.lost += lines
  // A torn line would swallow the next one, so the next write goes to a new file.
  lane.segment = undefined
  if (!state.failing) state.onError(toError(error))
  state.failing = true
}

/** A full disk still creates files; without this, each attempt would leave an empty one. */
async function discardEmpty({ disk }: State, path: string): Promise<void> {
  try {
    if (disk.sizeSync(path) === 0) await disk.remove(path)
  } catch {
    // A file that can't be read can't be removed either.
  }
}
