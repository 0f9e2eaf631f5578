import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setErrorReporter, sortableId, type JournalEntry, type JournalKind } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFileJournal } from './file-journal.ts'

const DAY_MS = 86_400_000

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'msc-journal-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const entry = (name: string, kind: JournalKind = 'event'): JournalEntry => ({ kind, name, payload: { n: 1 } })
const names = (journal: { query: (q: { limit: number }) => { name: string }[] }): string[] =>
  journal.query({ limit: 10_000 }).map(({ name }) => name)
const onDisk = (): string =>
  readdirSync(dir)
    .map((file) => readFileSync(join(dir, file), 'utf8'))
    .join('')

describe('the file journal', () => {
  it('is read by the next process, in order', async () => {
    const first = createFileJournal({ dir })
    for (let i = 0; i < 50; i++) first.append(entry(`e${i}`, i % 2 ? 'span' : 'event'))
    await first.close()
    const second = createFileJournal({ dir })
    expect(names(second)).toEqual(Array.from({ length: 50 }, (_, i) => `e${49 - i}`))
    second.append(entry('later'))
    await second.close()
    const third = createFileJournal({ dir })
    expect(names(third)[0]).toBe('later')
    await third.close()
    expect(readdirSync(dir)).toHaveLength(2)
  })

  it.each([
    ['later', 60_000],
    ['in the same millisecond', 0],
    ['after the clock was put back', -60_000],
  ])('skips a torn last line and does not append to it, %s', async (_, step) => {
    const now = 1_700_000_000_000
    const first = createFileJournal({ dir, clock: createManualClock(now) })
    first.append(entry('whole'))
    await first.close()
    appendFileSync(join(dir, readdirSync(dir)[0] as string), '{"id":"torn","ts":1,"ki')
    const clock = createManualClock(now + step)
    const second = createFileJournal({ dir, clock })
    expect(names(second)).toEqual(['whole'])
    second.append(entry('after'))
    await second.close()
    const third = createFileJournal({ dir, clock })
    expect(names(third)).toEqual(['after', 'whole'])
    await third.close()
  })

  it.each([60_000, 0, -60_000])(
    'skips a torn last line of what was received, and does not append to it, %i ms later',
    async (step) => {
      const now = 1_700_000_000_000
      const received = (name: string): JournalEntry => ({ ...entry(name, 'error'), source: 'browser' })
      const first = createFileJournal({ dir, clock: createManualClock(now) })
      first.append(received('whole'))
      first.append(entry('own', 'error'))
      await first.close()
      const file = readdirSync(dir).find((each) => each.startsWith('journal-error@browser-')) as string
      appendFileSync(join(dir, file), '{"id":"torn","ts":1,"ki')
      const clock = createManualClock(now + step)
      const second = createFileJournal({ dir, clock })
      second.append(received('after'))
      await second.close()
      const third = createFileJournal({ dir, clock })
      expect(third.query({ source: 'browser' }).map(({ name }) => name)).toEqual(['after', 'whole'])
      expect(third.query({ received: false }).map(({ name }) => name)).toEqual(['own'])
      await third.close()
      expect(readdirSync(dir).filter((each) => each.includes('@browser-'))).toHaveLength(2)
    },
  )

  it('reads the folder of a version without sources, and what that version knows of a newer one', async () => {
    const line = (name: string, rest: object = {}): string =>
      `${JSON.stringify({ id: sortableId(), ts: Date.now(), kind: 'error', name, payload: {}, ...rest })}\n`
    const now = Date.now()
    writeFileSync(join(dir, `journal-${now - 4}.jsonl`), line('of any kind'))
    writeFileSync(join(dir, `journal-error-${now - 3}.jsonl`), line('old'))
    // What is in a file of a source came from there, even if its lines deny it.
    writeFileSync(
      join(dir, `journal-error@browser-${now - 2}.jsonl`),
      line('received') + line('lies', { source: 'Own' }),
    )
    const journal = createFileJournal({ dir })
    const found = (query: object): string[] => journal.query(query).map(({ name }) => name)
    expect(found({ received: false })).toEqual(['old', 'of any kind'])
    expect(found({ source: 'browser' })).toEqual(['lies', 'received'])
    journal.append(entry('new', 'error'))
    journal.append({ ...entry('new received', 'error'), source: 'browser' })
    await journal.close()
    const KNOWN_BEFORE = /^journal-(?:([a-z][a-z\d-]*)-)?(\d{1,16})\.jsonl$/
    const known = readdirSync(dir).filter((file) => KNOWN_BEFORE.test(file))
    expect(known.map((file) => readFileSync(join(dir, file), 'utf8')).join('')).not.toContain('received')
  })

  it('starts beside files that are not a journal’s, folders, broken links and unfinished copies', async () => {
    writeFileSync(join(dir, 'journal-event-1.jsonl'), '\u0000\u0001garbage\n[]\n{"id":1}\nnull\n')
    mkdirSync(join(dir, 'journal-event-2.jsonl'))
    symlinkSync(join(dir, 'nowhere'), join(dir, 'journal-error-3.jsonl'))
    writeFileSync(join(dir, 'journal-error-4.jsonl.tmp'), 'half')
    const journal = createFileJournal({ dir })
    journal.append(entry('kept'))
    await journal.close()
    const next = createFileJournal({ dir })
    expect(names(next)).toEqual(['kept'])
    await next.close()
    expect(readdirSync(dir)).not.toContain('journal-error-4.jsonl.tmp')
  })

  it('starts when its folder can not be created, reports it, and works in memory', async () => {
    writeFileSync(join(dir, 'file'), '')
    const errors: Error[] = []
    const journal = createFileJournal({ dir: join(dir, 'file', 'inner'), onError: (error) => errors.push(error) })
    journal.append(entry('kept'))
    expect(names(journal)).toEqual(['kept'])
    await journal.close()
    expect(errors.length).toBeGreaterThan(0)
    expect(journal.dropped).toBe(1)
  })

  it('reads a record with an invalid time by the time of its id, and skips one that has neither', async () => {
    const at = Date.now() - 1000
    const line = (rest: object): string => JSON.stringify({ kind: 'event', name: 'n', payload: {}, ...rest })
    writeFileSync(
      join(dir, 'journal-event-1.jsonl'),
      `${line({ id: sortableId(at), ts: 1e300 })}\n${line({ id: 'short', ts: -1 })}\n`,
    )
    const journal = createFileJournal({ dir })
    expect(journal.query().map(({ ts }) => ts)).toHaveLength(1)
    expect(Math.abs((journal.query()[0]?.ts ?? 0) - at)).toBeLessThan(1000)
    await journal.close()
  })

  it('limits the number and the size of its files', async () => {
    const clock = createManualClock()
    const journal = createFileJournal({ dir, maxBytes: 500, maxFiles: 3, clock })
    for (let i = 0; i < 40; i++) {
      await clock.advance(1)
      journal.append(entry(`e${i}`))
      await journal.flush()
    }
    await journal.close()
    expect(readdirSync(dir).length).toBeLessThanOrEqual(3)
    expect(onDisk()).toContain('"e39"')
    expect(onDisk()).not.toContain('"e1"')
  })

  it('limits the number of files when it is made, whatever it finds', async () => {
    const line = JSON.stringify({ id: sortableId(), ts: Date.now(), kind: 'event', name: 'n', payload: {} })
    for (let i = 1; i <= 50; i++) writeFileSync(join(dir, `journal-event-${i}.jsonl`), `${line}\n`)
    const journal = createFileJournal({ dir, maxFiles: 5, maxAgeDays: 100_000 })
    await journal.flush()
    expect(readdirSync(dir)).toHaveLength(5)
    await journal.close()
  })

  it('neither shows nor keeps old records after a start, even in a file that never grew full', async () => {
    const clock = createManualClock()
    const first = createFileJournal({ dir, clock })
    for (let day = 0; day < 30; day++) {
      first.append(entry(`day ${day}`))
      await first.flush()
      await clock.advance(DAY_MS)
    }
    await first.close()
    await clock.advance(1)
    const second = createFileJournal({ dir, clock, maxAgeDays: 7 })
    await second.flush()
    expect(names(second)).toEqual(['day 29', 'day 28', 'day 27', 'day 26', 'day 25', 'day 24'])
    await second.close()
    expect(onDisk()).not.toContain('"day 23"')
    expect(onDisk()).toContain('"day 24"')
  })

  it('drops records within an hour of their expiry, while nothing is written', async () => {
    const clock = createManualClock()
    const journal = createFileJournal({ dir, clock, maxAgeDays: 1 })
    journal.append(entry('an error', 'error'))
    await journal.flush()
    await clock.advance(DAY_MS / 2)
    journal.append(entry('later', 'error'))
    await journal.flush()
    await clock.advance(DAY_MS / 2 + 3_600_000)
    await journal.flush()
    expect(names(journal)).toEqual(['later'])
    expect(onDisk()).not.toContain('an error')
    expect(onDisk()).toContain('later')
    await journal.close()
  })

  it('does not keep a record longer because the clock was wrong when it was written', async () => {
    // Ids never go back within a process, so this clock has to be ahead.
    const clock = createManualClock(Date.now() + DAY_MS)
    const journal = createFileJournal({ dir, clock, maxAgeDays: 1 })
    journal.append({ ...entry('from the future'), ts: clock.now() + 400 * DAY_MS })
    await journal.flush()
    await clock.advance(DAY_MS + 3_600_000)
    await journal.flush()
    expect(names(journal)).toEqual([])
    await journal.close()
  })

  it.each([
    [100_000, 'event'],
    [10_000, 'exposure'],
    [10_000, 'span'],
    [10_000, 'run'],
    [10_000, 'step'],
  ] as const)('keeps errors in memory and on disk when %i records of the kind %s follow them', async (count, kind) => {
    const journal = createFileJournal({ dir, maxBytes: 200_000, maxFiles: 6 })
    journal.append(entry('the error', 'error'))
    for (let i = 0; i < count; i++) {
      journal.append(entry(`s${i}`, kind))
      if (i % 5000 === 0) await journal.flush()
    }
    expect(journal.query({ kinds: ['error'] })).toHaveLength(1)
    await journal.close()
    expect(readdirSync(dir).length).toBeLessThanOrEqual(6)
    const next = createFileJournal({ dir })
    expect(next.query({ kinds: ['error'] }).map(({ name }) => name)).toEqual(['the error'])
    expect(next.query({ kinds: [kind], limit: 1 })).toMatchObject([{ name: `s${count - 1}` }])
    await next.close()
  })

  it('never fails the caller: an unwritable disk is reported once and counted, and memory still works', async () => {
    const errors: Error[] = []
    const journal = createFileJournal({ dir: join(dir, 'inner'), onError: (error) => errors.push(error) })
    await journal.flush()
    rmSync(join(dir, 'inner'), { recursive: true })
    writeFileSync(join(dir, 'inner'), 'a file where the folder was')
    chmodSync(join(dir, 'inner'), 0o400)
    for (let i = 0; i < 3; i++) {
      journal.append(entry(`e${i}`))
      await journal.flush()
    }
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    journal.append({ kind: 'event', name: 'cycle', payload: cycle })
    expect(errors.filter(({ message }) => message.includes('open'))).toHaveLength(1)
    expect(journal.dropped).toBe(4)
    expect(names(journal)).toHaveLength(4)
    await journal.close()
  })

  it.each([undefined, '', 5])('is refused without a folder: %s', (none) => {
    expect(() => createFileJournal({ dir: none as never })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`dir`') }),
    )
  })

  it('survives a callback for failures that throws', async () => {
    writeFileSync(join(dir, 'file'), '')
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const onError = (): void => {
      throw new Error('the listener is broken')
    }
    const journal = createFileJournal({ dir: join(dir, 'file', 'inner'), onError })
    journal.append(entry('kept'))
    await journal.close()
    expect(names(journal)).toEqual(['kept'])
    await vi.waitFor(() => expect(said).toHaveBeenCalledWith(expect.stringContaining('ENOTDIR')))
    said.mockRestore()
  })

  it('continues after its folder was removed', async () => {
    const journal = createFileJournal({ dir })
    journal.append(entry('before'))
    await journal.flush()
    rmSync(dir, { recursive: true })
    journal.append(entry('after'))
    await journal.close()
    expect(onDisk()).toContain('"after"')
    expect(journal.dropped).toBe(0)
  })

  it('calls its listeners until they unsubscribe, also after it dropped old records', async () => {
    const clock = createManualClock()
    const journal = createFileJournal({ dir, clock, maxAgeDays: 1 })
    const heard: string[] = []
    const failures: string[] = []
    const restore = setErrorReporter(({ message }) => failures.push(message))
    journal.subscribe(() => {
      throw new Error('a page that fails to draw')
    })
    const stop = journal.subscribe(({ name }) => heard.push(name))
    journal.append(entry('one'))
    await clock.advance(2 * DAY_MS)
    journal.append(entry('two'))
    stop()
    journal.append(entry('three'))
    restore()
    expect(heard).toEqual(['one', 'two'])
    // Once for each memory, since a listener that fails at every record would flood the reports.
    expect(failures).toEqual(['a page that fails to draw', 'a page that fails to draw'])
    await journal.close()
  })
})

it.each([
  { capacity: Number.NaN },
  { capacity: null },
  { maxAgeDays: 0 },
  { maxBytes: -1 },
  { maxFiles: null },
  { maxSourceBytes: 0 },
])('rejects a limit that leaves room for nothing: %j', (options) => {
  expect(() => createFileJournal({ dir, ...(options as object) })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})

describe('flushSync', () => {
  it('has everything on disk when it returns, each record once, even while a write is under way', async () => {
    const journal = createFileJournal({ dir })
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 200; i++) journal.append({ ...entry(`${round}.${i}`), payload: { text: 'x'.repeat(2000) } })
      // Stops at another point of the asynchronous write in each round.
      for (let turn = 0; turn < round % 6; turn++) await new Promise((resolve) => setImmediate(resolve))
      journal.append(entry(`last of ${round}`, 'error'))
      journal.flushSync()
      const lines = onDisk().trimEnd().split('\n')
      expect(lines).toHaveLength((round + 1) * 201)
    }
    await journal.close()
    const ids = onDisk()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
    expect(new Set(ids).size).toBe(12 * 201)
    expect(ids).toHaveLength(12 * 201)
  })

  it('saves the records of a process that exits at once', () => {
    const script = `
      import { createFileJournal } from ${JSON.stringify(join(import.meta.dirname, 'file-journal.ts'))}
      const journal = createFileJournal({ dir: ${JSON.stringify(dir)} })
      for (let i = 0; i < 1000; i++) journal.append({ kind: 'error', name: 'e' + i, payload: {} })
      journal.flushSync()
      process.exit(1)`
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--conditions=@msc/source', '--input-type=module', '--eval', script],
      { cwd: import.meta.dirname, encoding: 'utf8' },
    )
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    expect(onDisk().trimEnd().split('\n')).toHaveLength(1000)
  })
})
