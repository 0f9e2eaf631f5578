import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryJournal, sortableId, type Journal, type JournalEntry, type JournalRecord } from '@msc/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFileJournal } from '../journal/file-journal.ts'
import { createConsole } from './create-console.ts'

const LISTS = ['', '/errors', '/events', '/events?kind=log', '/runs', '/traces', '/losses']

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '..',
    '.',
    '/',
    '%',
    '\ud800',
    '__proto__',
    '<script>',
    'a/b',
    '0af7651916cd43dd8448eb211c80319c',
  ),
)
const anything = fc.oneof(
  text,
  fc.constantFrom(null, undefined, Number.NaN, 1e300, -1e300, Infinity, -1, 10n, true, Symbol('s'), () => 1),
  fc.anything({ maxDepth: 2 }),
)
const payload = fc.oneof(
  anything,
  fc.record(
    {
      errors: fc.oneof(
        anything,
        fc.array(
          fc.record({ name: anything, message: anything, stack: anything, frames: anything, properties: anything }),
        ),
      ),
      breadcrumbs: fc.oneof(
        anything,
        fc.array(fc.record({ timestamp: anything, category: anything, message: anything })),
      ),
      attributes: fc.oneof(
        anything,
        fc.record(
          { job: anything, runId: anything, step: anything, outcome: anything, status: anything, concern: anything },
          { requiredKeys: [] },
        ),
      ),
      counts: fc.oneof(anything, fc.array(fc.record({ kind: anything, reason: anything, count: anything }))),
      tags: fc.oneof(anything, fc.dictionary(text, anything)),
      durationMs: anything,
      endTimestamp: anything,
      spanId: fc.constantFrom('a', 'b', 'c', 3, undefined),
      parentSpanId: fc.constantFrom('a', 'b', 'c', null, undefined),
      properties: anything,
      extra: anything,
      contexts: anything,
      receivedFrom: anything,
    },
    { requiredKeys: [] },
  ),
)
const record = fc.record(
  {
    id: fc.oneof(fc.constant(undefined), anything),
    ts: fc.oneof(fc.constantFrom(1000, 2000, 1e300, Number.NaN, -5), anything),
    kind: fc.oneof(
      fc.constantFrom('error', 'event', 'run', 'step', 'span', 'drop', 'drops', 'log', 'message', 'check-in'),
      anything,
    ),
    name: anything,
    traceId: fc.oneof(fc.constantFrom('t1', '0af7651916cd43dd8448eb211c80319c'), anything),
    userId: anything,
    fingerprint: fc.oneof(fc.constantFrom('f1', '..', undefined), anything),
    release: anything,
    payload,
  },
  { requiredKeys: [] },
)

/** A journal that returns exactly these records. */
function holding(records: readonly unknown[]): Journal {
  return { ...createMemoryJournal(), query: () => [...records] as JournalRecord[], dropped: 3 }
}

const withId = (given: Record<string, unknown>): unknown =>
  given['id'] === undefined ? { ...given, id: sortableId() } : given

async function visitAll(journal: Journal): Promise<number> {
  const handler = createConsole({ journal, authorize: () => true })
  const get = (path: string): Promise<Response> => handler(new Request(`http://127.0.0.1${path}`))
  const seen = new Set(LISTS.map((path) => `/devtools${path}`))
  for (const path of seen) {
    const page = await get(path)
    expect(page.status, path).toBe(200)
    const body = await page.text()
    expect(body).not.toMatch(/<script/i)
    const data = await get(`${path}${path.includes('?') ? '&' : '?'}format=json`)
    expect(data.status, path).toBe(200)
    JSON.parse(await data.text())
    // Every link of a page must lead to a page.
    for (const [, href = ''] of body.matchAll(/href="(\/devtools[^"]*)"/g)) {
      if (seen.size < 60) seen.add(href.replaceAll('&amp;', '&'))
    }
  }
  return seen.size
}

describe('every page of the console', () => {
  it('answers 200 whatever a journal returns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (records) => {
        await visitAll(holding(records.map(withId)))
      }),
      { numRuns: 300 },
    )
  })

  it('answers 200 whatever was appended to a journal in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (records) => {
        const journal = createMemoryJournal()
        for (const each of records) journal.append(each as unknown as JournalEntry)
        await visitAll(journal)
      }),
      { numRuns: 100 },
    )
  })

  it('answers 200 whatever is on disk', async () => {
    const line = fc.oneof(
      fc.json(),
      fc
        .record({
          id: fc.constant(undefined),
          ts: fc.constantFrom(Date.now(), 1e300, null),
          kind: fc.constantFrom('error', 'run', 'span'),
          name: fc.jsonValue(),
          traceId: fc.jsonValue(),
          fingerprint: fc.jsonValue(),
          payload: fc.jsonValue(),
        })
        .map((each) => JSON.stringify({ ...each, id: sortableId() })),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
        const dir = mkdtempSync(join(tmpdir(), 'msc-console-'))
        writeFileSync(join(dir, 'journal-error-1.jsonl'), lines.join('\n'))
        const journal = createFileJournal({ dir })
        await visitAll(journal)
        await journal.close()
        rmSync(dir, { recursive: true })
      }),
      { numRuns: 50 },
    )
  })

  it('answers random paths with a page or with 404', async () => {
    const handler = createConsole({ journal: holding([]), authorize: () => true })
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), fc.string(), async (parts, query) => {
        const url = new URL('http://127.0.0.1/devtools')
        url.pathname += parts.map((part) => `/${part}`).join('')
        url.search = query
        expect([200, 404]).toContain((await handler(new Request(url))).status)
      }),
      { numRuns: 300 },
    )
  })

  it('has a page for an issue and a run whose ids have a meaning in a URL', async () => {
    const journal = createMemoryJournal()
    for (const id of ['..', 'a/b', '?x=1', '\ud800', '']) {
      journal.append({ kind: 'error', name: `error ${id}`, fingerprint: id, payload: {} })
      journal.append({ kind: 'run', name: 'jobs.run', payload: { attributes: { job: 'j', runId: id } } })
    }
    expect(await visitAll(journal)).toBeGreaterThanOrEqual(LISTS.length + 10)
  })
})
