import { appendFileSync, chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { emit, newTrace, withContext } from '@msc/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileJournal } from './file-journal.ts'
import { recordTelemetry } from './record-telemetry.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'msc-journal-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const entry = (name: string, kind: 'event' | 'span' | 'error' = 'event') => ({ kind, name, payload: { n: 1 } })
const names = (journal: { query: (q: { limit: number }) => { name: string }[] }): string[] =>
  journal.query({ limit: 10_000 }).map(({ name }) => name)

describe('the file journal', () => {
  it('is read again by the next process, in order', async () => {
    const first = createFileJournal({ dir })
    for (let i = 0; i < 50; i++) first.append(entry(`e${i}`, i % 2 ? 'span' : 'event'))
    await first.close()
    const second = createFileJournal({ dir })
    expect(names(second)).toEqual(Array.from({ length: 50 }, (_, i) => `e${49 - i}`))
    second.append(entry('later'))
    await second.close()
    expect(names(createFileJournal({ dir }))[0]).toBe('later')
    expect(readdirSync(dir)).toHaveLength(1)
  })

  it('skips a torn last line and does not write behind it', async () => {
    const first = createFileJournal({ dir })
    first.append(entry('whole'))
    await first.close()
    appendFileSync(join(dir, readdirSync(dir)[0] as string), '{"id":"torn","ts":1,"ki')
    const second = createFileJournal({ dir })
    expect(names(second)).toEqual(['whole'])
    second.append(entry('after'))
    await second.close()
    expect(names(createFileJournal({ dir }))).toEqual(['after', 'whole'])
  })

  it('survives a file that is no journal', () => {
    writeFileSync(join(dir, 'journal-1.jsonl'), '\u0000\u0001garbage\n[]\n{"id":1}\nnull\n')
    expect(names(createFileJournal({ dir }))).toEqual([])
  })

  it('bounds the disk: by size, by number of files, by age', async () => {
    let now = 1_000_000_000_000
    const journal = createFileJournal({ dir, maxBytes: 500, maxFiles: 3, maxAgeDays: 1, now: () => (now += 1) })
    for (let i = 0; i < 40; i++) {
      journal.append(entry(`e${i}`))
      await journal.flush()
    }
    expect(readdirSync(dir).length).toBeLessThanOrEqual(3)
    now += 2 * 86_400_000
    for (let i = 0; i < 10; i++) {
      journal.append(entry(`f${i}`))
      await journal.flush()
    }
    await journal.close()
    const text = readdirSync(dir)
      .map((file) => readFileSync(join(dir, file), 'utf8'))
      .join('')
    expect(text).toContain('"f9"')
    expect(text).not.toContain('"e1"')
  })

  it('keeps errors when spans flood it', () => {
    const journal = createFileJournal({ dir, capacity: 10 })
    journal.append(entry('the error', 'error'))
    for (let i = 0; i < 100; i++) journal.append(entry(`s${i}`, 'span'))
    expect(journal.query({ kinds: ['error'] })).toHaveLength(1)
    expect(journal.query({ kinds: ['span'], limit: 100 })).toHaveLength(10)
    expect(journal.query({ limit: 3 }).map(({ name }) => name)).toEqual(['s99', 's98', 's97'])
  })

  it('never fails the caller: an unwritable disk is reported once, counted, and memory goes on', async () => {
    const errors: Error[] = []
    const journal = createFileJournal({ dir: join(dir, 'inner'), onError: (error) => errors.push(error) })
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
    expect(errors).toHaveLength(1)
    expect(journal.dropped).toBe(4)
    expect(names(journal)).toHaveLength(4)
    await journal.close()
  })
})

describe('recordTelemetry', () => {
  it('writes operations as spans, runs and steps with their trace, until stopped', () => {
    const journal = createFileJournal({ dir })
    const stop = recordTelemetry(journal)
    const trace = newTrace()
    withContext({ trace, userId: 'u' }, () => {
      emit('cache.get', { key: 'token=abcdefgh?token=secretvalue', outcome: 'hit' })
      emit('jobs.step', { job: 'j', runId: 'r', step: 's', attempt: 1, outcome: 'ok' })
    })
    stop()
    emit('cache.get', { key: 'later', outcome: 'hit' })
    const records = journal.query({ traceId: trace.traceId })
    expect(records.map(({ kind, name, userId }) => [kind, name, userId])).toEqual([
      ['step', 'jobs.step', 'u'],
      ['span', 'cache.get', 'u'],
    ])
    expect(JSON.stringify(records)).not.toContain('secretvalue')
    expect(names(journal)).toHaveLength(2)
  })
})
