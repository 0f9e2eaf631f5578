import { createMemoryJournal } from '@msc/core'
import { expect, it } from 'vitest'
import { readRecord } from '../record-shape.ts'
import { createIngest } from './create-ingest.ts'

const SECRET = 'hunter2-s3cret'
/** Returns text with a secret that begins before the limit and ends after it. */
const straddling = (limit: number, from: number): string =>
  `${'x '.repeat(limit)}`.slice(0, limit - from) + ` postgres://svc:${SECRET}@db/x and more`

async function journalled(path: string, bodyOf: (from: number) => string): Promise<string> {
  const journal = createMemoryJournal({ capacity: 5000 })
  const ingest = createIngest({ journal, basePath: '/api/msc' })
  for (let from = 16; from < 32; from++) {
    const request = new Request(`http://127.0.0.1/api/msc${path}`, { method: 'POST', body: bodyOf(from) })
    expect((await ingest(request)).status).toBeLessThan(300)
  }
  return JSON.stringify(journal.query({ limit: 5000 }))
}
const event = (payload: object): string => `{}\n{"type":"event"}\n${JSON.stringify(payload)}\n`

it.each<[string, string, (from: number) => string]>([
  [
    'a message of an error',
    '/api/1/envelope/',
    (from) => event({ exception: { values: [{ type: 'E', value: straddling(5000, from) }] } }),
  ],
  ['a tag', '/api/1/envelope/', (from) => event({ message: 'm', tags: { where: straddling(200, from) } })],
  ['a transaction', '/api/1/envelope/', (from) => event({ message: 'm', transaction: straddling(200, from) })],
  [
    'a name of an event',
    '/batch/',
    (from) => JSON.stringify({ batch: [{ event: straddling(200, from), distinct_id: 'u' }] }),
  ],
  [
    'a breadcrumb of a page',
    '/browser',
    (from) =>
      JSON.stringify({
        records: [{ kind: 'message', name: 'm', payload: { breadcrumbs: [{ message: straddling(1000, from) }] } }],
      }),
  ],
])('keeps no half of a secret where %s is cut', async (_what, path, bodyOf) => {
  const kept = await journalled(path, bodyOf)
  expect(kept).toContain('x x')
  expect(kept).not.toMatch(/hunte/)
})

it('shows no half of a secret in a line that other code has written', () => {
  for (let from = 16; from < 32; from++) {
    const line = {
      id: 'a',
      ts: 1,
      kind: 'log',
      name: straddling(12_000, from),
      release: straddling(200, from),
      payload: {},
    }
    expect(JSON.stringify(readRecord(line))).not.toMatch(/hunte/)
  }
})
