import { describe, expect, it } from 'vitest'
import { deferred } from '../../base/promises.ts'
import { createRooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { createWriting } from './writing.ts'

const one = { topic: 'room:1', private: false }
const two = { topic: 'room:2', private: false }

describe('what waits for what is being written', () => {
  it('waits for its own room alone, and not for another whose write hangs', async () => {
    const writing = createWriting(createRooms(createRuntime()))
    const ran: string[] = []
    const [hangs, ends] = [deferred<void>(), deferred<void>()]
    writing.add([one], hangs.promise)
    writing.add([two, two], ends.promise)
    writing.after(one, () => ran.push('one'))
    writing.after(two, () => ran.push('two'))
    // The private room of that name is another.
    writing.after({ ...one, private: true }, () => ran.push('at once'))
    expect(ran).toEqual(['at once'])
    ends.resolve()
    await expect.poll(() => ran).toEqual(['at once', 'two'])
    writing.after(two, () => ran.push('two again'))
    expect(ran).toEqual(['at once', 'two', 'two again'])
    hangs.reject(new Error('It was cancelled.'))
    await expect.poll(() => ran.at(-1)).toBe('one')
  })

  it('keeps its order in one room, whichever write ends first', async () => {
    const writing = createWriting(createRooms(createRuntime()))
    const ran: number[] = []
    const [first, second] = [deferred<void>(), deferred<void>()]
    writing.add([one], first.promise)
    writing.after(one, () => ran.push(1))
    writing.add([one, two], second.promise)
    writing.after(one, () => ran.push(2))
    second.resolve()
    await second.promise
    writing.after(one, () => ran.push(3))
    expect(ran).toEqual([])
    first.resolve()
    await expect.poll(() => ran).toEqual([1, 2, 3])
  })
})
