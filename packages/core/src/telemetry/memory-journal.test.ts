import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matches, type JournalEntry, type JournalKind, type JournalQuery, type JournalRecord } from './journal.ts'
import { createMemoryJournal } from './memory-journal.ts'

const entry = (name: string, rest: Partial<JournalEntry> = {}): JournalEntry => ({
  kind: 'event' as JournalKind,
  name,
  payload: {},
  ...rest,
})
const names = (records: readonly JournalRecord[]): string[] => records.map(({ name }) => name)
const all = { limit: Infinity }

describe('records of several kinds and sources', () => {
  const appended = fc.record(
    {
      kind: fc.constantFrom('error', 'event', 'span'),
      source: fc.constantFrom('browser', 'partner'),
      traceId: fc.constantFrom('t1', 't2'),
      userId: fc.constantFrom('ana', 'ben'),
      fingerprint: fc.constantFrom('f1', 'f2'),
    },
    { requiredKeys: ['kind'] },
  )
  const query: fc.Arbitrary<JournalQuery> = fc.record(
    {
      kinds: fc.subarray(['error', 'event', 'span', 'unknown']),
      source: fc.constantFrom('browser', 'partner', 'nobody'),
      received: fc.boolean(),
      traceId: fc.constantFrom('t1', 't2'),
      userId: fc.constantFrom('ana', 'ben'),
      fingerprint: fc.constantFrom('f1', 'f2'),
      limit: fc.constantFrom(0, 1, 3, 10, 1000, Infinity),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JournalQuery>

  it('are returned as if they were in one list, whichever rings they are in, without those that were dropped', () => {
    fc.assert(
      fc.property(
        fc.array(appended, { maxLength: 60 }),
        query,
        fc.integer({ min: 1, max: 20 }),
        fc.nat(60),
        (entries, asked, capacity, position) => {
          const journal = createMemoryJournal({ capacity })
          const heard: JournalRecord[] = []
          journal.subscribe((record) => heard.push(record))
          const written = entries.map((each, n) => journal.append(entry(String(n), each as Partial<JournalEntry>)))
          expect(heard).toEqual(written)

          const lane = ({ kind, source }: JournalRecord): string => `${kind} ${source}`
          const kept = written.filter(
            (record, n) => written.slice(n + 1).filter((later) => lane(later) === lane(record)).length < capacity,
          )
          const after = written[position]?.id
          const full = { ...asked, ...(after !== undefined && { after }) }
          expect(journal.query(full)).toEqual(
            kept
              .toReversed()
              .filter((record) => matches(record, full))
              .slice(0, full.limit ?? 100),
          )
          expect(journal.dropped).toBe(written.length - kept.length)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('the room of a source', () => {
  it('is its own: a flood from outside drops nothing of the process itself', () => {
    const journal = createMemoryJournal({ capacity: 5 })
    for (let n = 0; n < 5; n++) journal.append(entry(`own ${n}`))
    for (let n = 0; n < 1000; n++) journal.append(entry(`flood ${n}`, { source: 'browser' }))
    expect(names(journal.query({ received: false }))).toEqual(['own 4', 'own 3', 'own 2', 'own 1', 'own 0'])
    expect(journal.query({ source: 'browser' })).toHaveLength(5)
    expect(journal.dropped).toBe(995)
  })

  it('has a limit in bytes, at which the kind that takes the most loses its oldest', () => {
    const journal = createMemoryJournal({ maxSourceBytes: 100_000 })
    const error = 'error' as JournalKind
    journal.append(entry('the error', { kind: error, source: 'browser' }))
    journal.append(entry('of the process', { payload: { text: 'x'.repeat(200_000) } }))
    for (let n = 0; n < 50; n++) {
      journal.append(entry(`large ${n}`, { source: 'browser', payload: { text: 'x'.repeat(10_000) } }))
    }
    expect(names(journal.query(all))).toEqual([
      'large 49',
      'large 48',
      'large 47',
      'large 46',
      'of the process',
      'the error',
    ])
    expect(journal.dropped).toBe(46)
  })

  it('never takes more than its limit, however its records are made', () => {
    const maxSourceBytes = 50_000
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ kind: fc.constantFrom('error', 'event'), payload: fc.dictionary(fc.string(), fc.jsonValue()) }),
          {
            minLength: 50,
            maxLength: 200,
          },
        ),
        (entries) => {
          const journal = createMemoryJournal({ maxSourceBytes })
          for (const each of entries) {
            journal.append(entry('n', { ...(each as Partial<JournalEntry>), source: 'browser' }))
          }
          // Written as text they take less than in memory.
          expect(JSON.stringify(journal.query(all)).length).toBeLessThan(maxSourceBytes)
          expect(journal.query(all).length + journal.dropped).toBe(entries.length)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('takes no record that is larger than all of it, or whose size can not be told', () => {
    const journal = createMemoryJournal({ maxSourceBytes: 10_000 })
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    const heard: string[] = []
    journal.subscribe(({ name }) => heard.push(name))
    journal.append(entry('fits', { source: 'browser' }))
    for (const payload of [{ text: 'x'.repeat(10_000) }, cycle, { n: 1n }]) {
      journal.append(entry('too much', { source: 'browser', payload }))
    }
    expect(names(journal.query())).toEqual(['fits'])
    expect(heard).toEqual(['fits', 'too much', 'too much', 'too much'])
    expect(journal.dropped).toBe(3)
  })

  it.each([
    ['', 'other'],
    ['Browser', 'other'],
    ['a@b', 'other'],
    ['x'.repeat(41), 'other'],
    [5, 'other'],
    [null, 'other'],
  ])('is shared by invalid names: %j', (source, name) => {
    const journal = createMemoryJournal()
    expect(journal.append(entry('n', { source: source as string })).source).toBe(name)
    expect(journal.query({ source: name })).toHaveLength(1)
    expect(journal.query({ received: false })).toEqual([])
  })

  it('is shared by the sources after the eighth, so that a caller can not make rooms without end', () => {
    const journal = createMemoryJournal({ capacity: 10 })
    for (let n = 0; n < 1000; n++) journal.append(entry('n', { source: `s${n}` }))
    const sources = journal.query(all).map(({ source }) => source)
    expect(new Set(sources)).toEqual(new Set(['other', 's7', 's6', 's5', 's4', 's3', 's2', 's1', 's0']))
    expect(sources).toHaveLength(8 + 10)
    expect(journal.append(entry('n')).source).toBeUndefined()
  })

  it('is filled again with the records of an earlier process', () => {
    const first = createMemoryJournal()
    for (let n = 0; n < 6; n++) first.append(entry(`n${n}`, n % 2 ? { source: 'browser' } : {}))
    const second = createMemoryJournal({ capacity: 2, initial: first.query().toReversed() })
    expect(names(second.query({ source: 'browser' }))).toEqual(['n5', 'n3'])
    expect(names(second.query({ received: false }))).toEqual(['n4', 'n2'])
    expect(second.dropped).toBe(0)
  })
})

it.each([{ capacity: 0 }, { maxSourceBytes: 0 }, { maxSourceBytes: Number.NaN }])(
  'rejects the limits %j',
  (options) => {
    expect(() => createMemoryJournal(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  },
)
