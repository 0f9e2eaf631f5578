import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alongPage, besides, Position, isCursor, withinPage } from './position.ts'

const EPOCH = '00000000-0000-0000-0000-000000000000'

/** A database as far as positions know it: transactions that begin, write rows under snapshots, and commit. */
function database() {
  let next = 100
  let lastId = 0
  const open = new Map<number, string[]>()
  const committed = new Set<number>()
  const snapshot = (own: number): string => {
    const pending = [...open.keys()].filter((xid) => xid < next).toSorted((one, other) => one - other)
    const xmax = Math.max(99, ...committed) + 1
    const running = pending.filter((xid) => xid < xmax || xid === own).filter((xid) => xid < xmax)
    return `${Math.min(xmax, ...pending)}:${xmax}:${running.join(',')}`
  }
  return {
    begin(): void {
      open.set(next++, [])
    },
    write(nth: number): void {
      const xid = [...open.keys()][nth % Math.max(1, open.size)]
      if (xid !== undefined) open.get(xid)?.push(`${EPOCH}:${snapshot(xid)}+${xid}.${++lastId}`)
    },
    /** Returns the cursors of what is heard of now. */
    commit(nth: number): string[] {
      const xid = [...open.keys()][nth % Math.max(1, open.size)]
      if (xid === undefined) return []
      const rows = open.get(xid) ?? []
      open.delete(xid)
      committed.add(xid)
      return rows
    },
  }
}

describe('a position', () => {
  it('takes each row once, whatever is open, long and repeated, and says so in its cursor', () => {
    const step = fc.record({ what: fc.constantFrom('begin', 'write', 'commit', 'again', 'anew'), nth: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const db = database()
        let position = Position.of(`${EPOCH}:100:100:`) as Position
        const heard: string[] = []
        for (const { what, nth } of steps) {
          if (what === 'begin') db.begin()
          if (what === 'write') db.write(nth)
          if (what === 'commit') {
            for (const cursor of db.commit(nth)) {
              expect(position.take(cursor)).toBe('new')
              heard.push(cursor)
            }
          }
          // Told again, by a server that has lost its own position for instance.
          const again = heard[nth % Math.max(1, heard.length)]
          if (what === 'again' && again !== undefined) expect(position.take(again)).toBe('known')
          if (what === 'anew') {
            const cursor = String(position)
            expect(isCursor(cursor)).toBe(true)
            position = Position.of(cursor) as Position
          }
        }
        for (const cursor of heard) expect(position.take(cursor)).toBe('known')
      }),
      { numRuns: 500 },
    )
  })

  it('stays short, however many rows a transaction has and however long another one stays open', () => {
    const position = Position.of(`${EPOCH}:100:100:`) as Position
    for (let id = 1; id <= 10_000; id++) position.take(`${EPOCH}:100:100:+100.${id}`)
    expect(String(position)).toBe(`${EPOCH}:100:100:+100.10000`)
    // 50 stays open meanwhile.
    const other = Position.of(`${EPOCH}:50:100:50`) as Position
    for (let xid = 100; xid < 10_100; xid++) other.take(`${EPOCH}:50:${xid}:50+${xid}.${xid}`)
    expect(String(other)).toBe(`${EPOCH}:50:10099:50+10099.10099`)
  })

  it('takes nothing of another history, and is made of nothing but a cursor', () => {
    const position = Position.of(`${EPOCH}:100:100:`) as Position
    expect(position.take(`${EPOCH.replaceAll('0', '1')}:100:100:+100.1`)).toBe('other')
    for (const wrong of [
      undefined,
      null,
      7,
      '',
      'x',
      `${EPOCH}:1`,
      `${EPOCH}:1:2`,
      `${EPOCH}:1:2:;drop`,
      `${EPOCH}:1:2:${'3,'.repeat(9000)}`,
      // What the database would refuse as a snapshot.
      `${EPOCH}:9:3:`,
      `${EPOCH}:0:3:`,
      `${EPOCH}:1:99999999999999999999:`,
      `${EPOCH}:3:5:5`,
      `${EPOCH}:3:5:2`,
      `${EPOCH}:3:9:5,4`,
      `${EPOCH}:3:5:4,,`,
      `${EPOCH}:1:2:+1..2`,
      `${EPOCH}:1:2:>3:1:@4`,
    ]) {
      expect(Position.of(wrong)).toBeUndefined()
    }
  })

  it('is also one within a page of history', () => {
    const before = `${EPOCH}:100:100:+100.3`
    const more = `${before}>120:130:125@77`
    expect(withinPage(before, more, '50')).toBe(`${before}>120:130:125@50`)
    expect(withinPage(more, `${EPOCH}:120:130:125`, '90')).toBe(`${before}>120:130:125@90`)
    expect(withinPage(before, `${EPOCH}:120:130:125`, '90')).toBe(`${before}>120:130:125@90`)
    expect(isCursor(withinPage(before, more, '50'))).toBe(true)
  })

  it('follows the messages of a page, each of which may be the last that is heard', () => {
    // Both transactions were open while the other one wrote.
    const [first, second] = [`${EPOCH}:100:100:+101.5`, `${EPOCH}:100:100:+100.6`]
    const whole = alongPage(`${EPOCH}:90:90:`, `${EPOCH}:110:110:`)
    expect(whole(first)).toBe(first)
    expect(whole(second)).toBe(`${EPOCH}:100:100:+101.5,100.6`)
    expect(whole(undefined)).toBe(`${EPOCH}:100:100:+101.5,100.6`)
    const within = `${EPOCH}:90:90:>110:110:@4`
    const paged = alongPage(within, `${EPOCH}:110:110:`)
    expect([paged(undefined), paged(first), paged(second)]).toEqual([4, 5, 6].map((n) => within.replace('@4', `@${n}`)))
    expect(alongPage(undefined, `${EPOCH}:110:110:`)(first)).toBe(first)
  })

  it('has a message alone that was heard, and nothing of what was before it', () => {
    const from = `${EPOCH}:100:100:`
    const heard = besides(from, `${EPOCH}:105:105:+105.9`)
    expect(heard).toBe(`${from}+105.9`)
    const position = Position.of(heard) as Position
    expect([position.take(`${EPOCH}:105:105:+105.9`), position.take(`${EPOCH}:100:100:+100.4`)]).toEqual([
      'known',
      'new',
    ])
    // What it shows already, what is of another history, and where a page has been read in part.
    expect(besides(from, `${EPOCH}:90:90:+90.1`)).toBe(from)
    expect(besides(from, `${EPOCH.replace('0', '1')}:105:105:+105.9`)).toBe(from)
    expect(besides(`${from}>110:110:@4`, `${EPOCH}:105:105:+105.9`)).toBe(`${from}>110:110:@4`)
    // As many as have room.
    let full = from
    for (let xid = 200; xid < 3000; xid++) full = besides(full, `${EPOCH}:${xid}:${xid}:+${xid}.${xid}`)
    expect(isCursor(full)).toBe(true)
    expect(full.length).toBeGreaterThan(15_000)
  })
})
