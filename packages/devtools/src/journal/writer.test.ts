import { describe, expect, it } from 'vitest'
import type { Disk, OpenFile } from './disk.ts'
import { createWriter, type Writer } from './writer.ts'

/** A disk in memory with `room` bytes, whose writes wait until `go()`. */
function fakeDisk(room = Infinity) {
  const files = new Map<string, Buffer>()
  const held: (() => void)[] = []
  const state = { files, room, hold: false, go: () => held.splice(0).forEach((resume) => resume()) }
  const append = (path: string, bytes: Uint8Array): number => {
    const before = files.get(path) ?? Buffer.alloc(0)
    const used = [...files.values()].reduce((sum, { length }) => sum + length, 0)
    const fits = bytes.subarray(0, Math.max(0, state.room - used))
    if (fits.length === 0 && bytes.length > 0) throw new Error('ENOSPC: no space left on device')
    files.set(path, Buffer.concat([before, fits]))
    return fits.length
  }
  const disk: Disk = {
    async open(path): Promise<OpenFile> {
      if (!files.has(path)) files.set(path, Buffer.alloc(0))
      return {
        size: async () => files.get(path)?.length ?? 0,
        async write(bytes) {
          if (state.hold) await new Promise<void>((resolve) => held.push(resolve))
          return append(path, bytes)
        },
        close: async () => undefined,
      }
    },
    appendSync(path, bytes) {
      if (append(path, bytes) < bytes.length) throw new Error('ENOSPC: no space left on device')
    },
    readSync: (path, position) => (files.get(path) ?? Buffer.alloc(0)).subarray(position),
    sizeSync: (path) => files.get(path)?.length ?? 0,
    async remove(path) {
      files.delete(path)
    },
  }
  return { ...state, disk, set: (change: Partial<typeof state>) => Object.assign(state, change) }
}

function open(disk: Disk, errors: Error[] = []): Writer {
  let time = 1000
  return createWriter({
    dir: '/journal',
    disk,
    now: () => (time += 1),
    maxBytes: 10_000,
    maxSegmentMs: Infinity,
    initial: [],
    onError: (error) => errors.push(error),
    onRotate: () => undefined,
  })
}

describe('the writer of the journal', () => {
  it('leaves no empty files on a full disk, reports once, and continues when there is room', async () => {
    const { disk, files, set } = fakeDisk(0)
    const errors: Error[] = []
    const writer = open(disk, errors)
    for (let i = 0; i < 60; i++) {
      writer.push('event', `{"n":${i}}`)
      await writer.flush()
    }
    expect(files.size).toBe(0)
    expect(errors).toHaveLength(1)
    expect(writer.lost).toBe(60)
    set({ room: 1000 })
    writer.push('event', '{"n":60}')
    await writer.flush()
    expect([...files.values()].map(String)).toEqual(['{"n":60}\n'])
  })

  it('continues in a new file after a write that the disk cut off', async () => {
    const { disk, files, set } = fakeDisk(5)
    const writer = open(disk)
    writer.push('event', '{"n":1}')
    await writer.flush()
    set({ room: 1000 })
    writer.push('event', '{"n":2}')
    await writer.flush()
    expect([...files.values()].map(String)).toEqual(['{"n":', '{"n":2}\n'])
    expect(writer.lost).toBe(1)
  })

  it('writes in flushSync what an asynchronous write never finished', async () => {
    const { disk, files, set, go } = fakeDisk()
    const writer = open(disk)
    set({ hold: true })
    writer.push('event', '{"n":1}')
    await new Promise((resolve) => setTimeout(resolve, 5))
    writer.push('event', '{"n":2}')
    writer.push('error', '{"n":3}')
    writer.flushSync()
    expect([...files.values()].map(String)).toEqual(['{"n":1}\n{"n":2}\n', '{"n":3}\n'])
    set({ hold: false })
    go()
    await writer.flush()
    expect(writer.lost).toBe(0)
  })

  it('counts lines that a slow disk makes wait too long, without loss for other kinds', async () => {
    const { disk, set, go, files } = fakeDisk()
    const writer = open(disk)
    set({ hold: true })
    for (let i = 0; i < 30_000; i++) writer.push('event', '{}')
    expect(writer.push('error', '{"the":"error"}')).toBe(true)
    expect(writer.lost).toBe(10_000)
    set({ hold: false })
    go()
    await writer.flush()
    expect([...files.values()].map(String).join('')).toContain('{"the":"error"}')
  })

  it('writes to each file in turn, so that one that is filled as fast as it is written keeps no other waiting', async () => {
    const { disk } = fakeDisk()
    const writer = open(disk)
    const flood = JSON.stringify({ text: 'x'.repeat(200_000) })
    const opened: string[] = []
    const before = disk.open.bind(disk)
    disk.open = (path) => {
      opened.push(path)
      if (opened.length < 200) writer.push('event@browser', flood)
      if (opened.length === 10) writer.push('error', '{"the":"error"}')
      return before(path)
    }
    writer.push('event@browser', flood)
    await writer.flush()
    expect(opened.findIndex((path) => path.includes('journal-error-'))).toBeLessThan(12)
    expect(writer.lost).toBe(0)
  })

  it('limits what waits of one source, all kinds together, without loss for the process itself', async () => {
    const { disk, set, go } = fakeDisk()
    const writer = open(disk)
    set({ hold: true })
    for (let i = 0; i < 30_000; i++) writer.push(`${['event', 'log', 'error'][i % 3]}@browser`, '{}')
    expect(writer.lost).toBe(10_000)
    expect(writer.push('error', '{}')).toBe(true)
    expect(writer.push('error@partner', '{}')).toBe(true)
    set({ hold: false })
    go()
    await writer.flush()
    expect(writer.lost).toBe(10_000)
  })
})
