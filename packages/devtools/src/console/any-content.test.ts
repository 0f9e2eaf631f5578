import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryJournal, sortableId, type Journal, type JournalEntry, type JournalRecord } from '@msc/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFileJournal } from '../journal/file-journal.ts'
import { createIngest } from '../ingest/create-ingest.ts'
import { createConsole } from './create-console.ts'

const LISTS = [
  '',
  '/errors',
  '/errors?source=browser',
  '/events',
  '/events?kind=log',
  '/events?kind=log&source=server',
  '/runs',
  '/traces',
  '/traces?source=server',
  '/losses',
]

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
    source: fc.oneof(fc.constantFrom('browser', 'partner', undefined), anything),
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

const fail = (): never => {
  throw new Error('can not be read')
}
/** Values of which one way or another to read them throws or never ends. */
const TRAPS: readonly (() => unknown)[] = [
  () => ({ toString: 1, valueOf: 1 }),
  () => ({ toString: fail, toJSON: fail }),
  () => Object.defineProperty({ a: 1 }, 'b', { enumerable: true, get: fail }),
  () => new Proxy({}, { get: fail, ownKeys: fail, has: fail, getPrototypeOf: fail }),
  () => new Proxy([1], { get: fail }),
  () => Object.create(null, { __proto__: { value: 1, enumerable: true } }),
  () => {
    const cycle: Record<string, unknown> = {}
    return Object.assign(cycle, { self: cycle, list: [cycle] })
  },
  () => Object.assign([], { length: 1e9 }),
  () => new Date(Number.NaN),
]
/** Where in a record a value may be. */
const PLACES: readonly ((value: unknown) => Record<string, unknown>)[] = [
  ...['id', 'ts', 'kind', 'name', 'traceId', 'userId', 'fingerprint', 'release', 'source', 'payload'].map(
    (field) => (value: unknown) => ({ [field]: value }),
  ),
  ...[
    'errors',
    'breadcrumbs',
    'attributes',
    'counts',
    'tags',
    'properties',
    'extra',
    'contexts',
    'user',
    'handled',
    'durationMs',
    'endTimestamp',
    'spanId',
    'parentSpanId',
    'operation',
    'receivedFrom',
    'by',
    'level',
    'status',
  ].map((field) => (value: unknown) => ({ payload: { [field]: value } })),
  ...['errors', 'breadcrumbs', 'counts', 'properties'].map((field) => (value: unknown) => ({
    payload: { [field]: [value, { name: value, stack: value, frames: [value], message: value, count: value }] },
  })),
  ...['attributes', 'tags'].map((field) => (value: unknown) => ({
    payload: { [field]: { digest: value, job: value, runId: value, method: value, concern: value, a: value } },
  })),
]

describe('every page of the console', () => {
  it('answers 200 whatever a journal returns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (records) => {
        await visitAll(holding(records.map(withId)))
      }),
      { numRuns: 100 },
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

  it.each(TRAPS.map((make, n) => [n, make] as const))(
    'answers 200 where reading a value throws: trap %i',
    async (_, make) => {
      const kinds = ['error', 'event', 'run', 'step', 'span', 'drop']
      const own = { kind: 'error', name: 'Error: ours', fingerprint: 'ours', payload: {} } as const
      const usual = { ts: 1000, name: 'n', traceId: 't1', payload: {} }
      const records = PLACES.flatMap((place) =>
        kinds.map((kind) => ({ ...usual, kind, id: sortableId(), ...place(make()) })),
      )
      const journal = holding([...records, { ...own, id: sortableId() }])
      expect(await visitAll(journal)).toBeGreaterThan(LISTS.length)
      const handler = createConsole({ journal, authorize: () => true })
      const page = await handler(new Request('http://127.0.0.1/devtools/errors/ours?format=json'))
      expect(await page.json()).toMatchObject({ issue: { name: 'Error: ours', count: 1 } })
    },
  )

  it('answers 200 where a value is nested more deeply than can be written', async () => {
    const deep = Array.from({ length: 20_000 }).reduce((inner: unknown) => [inner], 0)
    const fields = {
      errors: [{ name: 'E', properties: { deep } }],
      tags: { deep },
      extra: { deep },
      properties: { deep },
    }
    const journal = createMemoryJournal()
    for (const kind of ['error', 'event', 'span', 'drop'] as const) {
      journal.append({ kind, name: 'n', traceId: 't1', payload: { ...fields, attributes: { deep } } })
    }
    expect(await visitAll(journal)).toBeGreaterThan(LISTS.length)
  })

  it('answers 200 whatever was received, and shows what the process itself recorded', async () => {
    const wild = fc.oneof(fc.json(), fc.jsonValue(), text, fc.constantFrom(1e300, -1, '', { toString: 1 }, null))
    const received = fc.record(
      {
        kind: fc.constantFrom('error', 'message', 'event', 'exposure', 'breadcrumb', 'log', 'feedback'),
        name: fc.string({ minLength: 1 }),
        ts: wild,
        userId: wild,
        traceId: fc.oneof(fc.constant('0af7651916cd43dd8448eb211c80319c'), wild),
        fingerprint: fc.oneof(fc.constant('f1'), wild),
        release: wild,
        payload: fc.oneof(
          wild,
          fc.record(
            {
              errors: fc.oneof(
                wild,
                fc.array(fc.dictionary(fc.constantFrom('name', 'message', 'stack', 'frames'), wild)),
              ),
              breadcrumbs: fc.oneof(wild, fc.array(fc.dictionary(fc.constantFrom('timestamp', 'message'), wild))),
              tags: fc.oneof(wild, fc.dictionary(text, wild)),
              user: wild,
              extra: wild,
              spanId: fc.oneof(fc.constant('00f067aa0ba902b7'), wild),
              properties: wild,
              level: wild,
              fingerprintChosen: fc.boolean(),
            },
            { requiredKeys: [] },
          ),
        ),
      },
      { requiredKeys: ['kind', 'name'] },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(received, { maxLength: 10 }), async (records) => {
        const journal = createMemoryJournal()
        const own = { kind: 'error', name: 'Error: ours', fingerprint: 'f1', payload: {} } as const
        journal.append({ ...own, traceId: '0af7651916cd43dd8448eb211c80319c' })
        const ingest = createIngest({ journal, basePath: '/api/msc' })
        const body = JSON.stringify({ records })
        const answer = await ingest(new Request('http://127.0.0.1/api/msc/browser', { method: 'POST', body }))
        expect(answer.status).toBeLessThan(500)
        await visitAll(journal)
        const page = await createConsole({ journal, authorize: () => true })(
          new Request('http://127.0.0.1/devtools/errors/f1?format=json'),
        )
        expect(await page.json()).toMatchObject({ issue: { name: 'Error: ours', count: 1, latest: own } })
      }),
      { numRuns: 200 },
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
