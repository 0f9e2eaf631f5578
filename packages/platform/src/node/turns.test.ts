import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTurns } from './turns.ts'

const here = (): boolean => false
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('turns', () => {
  it('let one go on in each turn of the event loop, and the first at once', async () => {
    const turns = createTurns({ gapMs: 0, most: 100, clock: createManualClock() })
    const went: string[] = []
    for (const client of ['a', 'b', 'c']) void turns.take(client, here).then(() => went.push(client))
    await Promise.resolve()
    expect(went).toEqual(['a'])
    for (const expected of [
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]) {
      await turn()
      expect(went).toEqual(expected)
    }
    expect(await turns.take('d', here)).toBe(true)
  })

  it('keep their pace, and give each client its turn, whoever has sent how much', async () => {
    const clock = createManualClock()
    const turns = createTurns({ gapMs: 40, most: 100, clock })
    const went: string[] = []
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) {
      void turns.take(name.slice(0, 1), here).then(() => went.push(name))
    }
    await clock.advance(39)
    expect(went).toEqual(['a1'])
    await clock.advance(40 * 5 + 1)
    expect(went).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
    expect(turns.waiting).toBe(0)
  })

  it('refuse those for whom there is no room, and spend no turn on those who have gone', async () => {
    const clock = createManualClock()
    const turns = createTurns({ gapMs: 40, most: 3, clock })
    const went: string[] = []
    const take = (name: string, gone = here): Promise<boolean> =>
      turns.take(name, gone).then((room) => {
        if (room && !gone()) went.push(name)
        return room
      })
    void take('first')
    for (const name of ['b', 'c']) void take(name, () => true)
    void take('d')
    expect(await take('e')).toBe(false)
    await clock.advance(40)
    expect(went).toEqual(['first', 'd'])
  })

  it('take the place of whoever has the most when there is no room, so that nobody fills it up for all', async () => {
    const clock = createManualClock()
    const turns = createTurns({ gapMs: 40, most: 4, clock })
    const told: string[] = []
    const take = (name: string): void => {
      void turns.take(name.slice(0, 1), here).then((room) => told.push(`${name} ${room ? 'goes on' : 'is refused'}`))
    }
    for (const name of ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2', 'c1', 'b3']) take(name)
    await Promise.resolve()
    expect(told).toEqual([
      'a0 goes on',
      'a5 is refused',
      'a4 is refused',
      'a3 is refused',
      'a2 is refused',
      'b3 is refused',
    ])
  })

  it('are every second one for those who are preferred, and half of the room, and the others have as much', async () => {
    const clock = createManualClock()
    const run = async (names: readonly string[]): Promise<{ went: string[]; refused: string[] }> => {
      const turns = createTurns({ gapMs: 40, most: 4, clock })
      const went: string[] = []
      const refused: string[] = []
      for (const name of names) {
        const isPreferred = name.startsWith('known')
        void turns
          .take(name.split('-')[0] as string, here, isPreferred)
          .then((room) => (room ? went : refused).push(name))
      }
      await clock.advance(40 * 10)
      expect(turns.waiting).toBe(0)
      return { went, refused }
    }
    // Strangers fill the room: those who are known take a half of it, and the first turn.
    expect(await run(['a', 'b', 'c', 'd', 'e', 'known1', 'known2', 'known3'])).toEqual({
      went: ['a', 'known1', 'd', 'known2', 'e'],
      refused: ['b', 'c', 'known3'],
    })
    // One who is known fills it: strangers do the same to him.
    expect(await run(['known', 'known-2', 'known-3', 'known-4', 'known-5', 'a', 'b', 'c'])).toEqual({
      went: ['known', 'known-2', 'a', 'known-3', 'b'],
      refused: ['known-5', 'known-4', 'c'],
    })
  })

  it('lose nobody, and let nobody go on before its time', async () => {
    const arrivals = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(100), fc.boolean()), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(arrivals, async (clients) => {
        const clock = createManualClock()
        const turns = createTurns({ gapMs: 10, most: 1000, clock })
        const times: number[] = []
        const all: Promise<boolean>[] = []
        for (const [client, wait, gone] of clients) {
          all.push(
            turns
              .take(client, () => gone)
              .then((room) => {
                if (!gone) times.push(clock.monotonic())
                return room
              }),
          )
          await clock.advance(wait)
        }
        await clock.advance(10 * clients.length + 10)
        expect((await Promise.all(all)).every(Boolean)).toBe(true)
        const ordered = times.every((time, index) => index === 0 || time - (times[index - 1] as number) >= 10)
        expect(ordered).toBe(true)
      }),
    )
  })
})
