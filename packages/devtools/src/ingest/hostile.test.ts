import { performance } from 'node:perf_hooks'
import { gzipSync } from 'node:zlib'
import { createMemoryJournal, systemClock } from '@msc/core'
import { describe, expect, it } from 'vitest'
import { createIngest } from './create-ingest.ts'

const SIZE = 256 * 1024

/** Repeats `unit` until the text, with what is around it, fills a body. */
const filled = (before: string, unit: string, after: string): string =>
  before + unit.repeat(Math.floor((SIZE - before.length - after.length) / unit.length)) + after
const browserRecord = (payload: object): string =>
  JSON.stringify({ records: [{ kind: 'error', name: 'Error: x', payload }] })
const long = (unit: string, payload: (text: string) => object): string => {
  const [before = '', after = ''] = browserRecord(payload('\u0001')).split('\\u0001')
  return filled(before, JSON.stringify(unit).slice(1, -1), after)
}
const envelope = (payload: string): string => `{}\n{"type":"event"}\n${payload}\n`

const ordinary = ((): string => {
  const stack = Array.from(
    { length: 12 },
    (_, i) => `    at handle${i} (https://app.msc.example/_next/static/chunks/page-${i}.js:${i}:12)`,
  ).join('\n')
  const breadcrumbs = Array.from({ length: 10 }, (_, i) => ({
    timestamp: Date.now(),
    category: 'fetch',
    message: `GET /api/releases/${i} answered 200`,
    level: 'info',
  }))
  const one = {
    kind: 'error',
    name: 'TypeError: releases is undefined',
    payload: {
      errors: [{ name: 'TypeError', message: 'releases is undefined', stack }],
      breadcrumbs,
      tags: { a: 'b' },
    },
  }
  const count = Math.floor(SIZE / JSON.stringify(one).length)
  return JSON.stringify({ records: Array.from({ length: count }, () => one) })
})()

const BODIES: readonly [string, path: string, body: string][] = [
  ['a message of one letter', '/browser', long('a', (text) => ({ errors: [{ name: 'E', message: text }] }))],
  ['a message of a name and @ again and again', '/browser', long('a@', (text) => ({ errors: [{ message: text }] }))],
  ['a stack of one line of slashes', '/browser', long('/', (text) => ({ errors: [{ stack: `Error\n at ${text}` }] }))],
  ['a stack of beginnings of tokens', '/browser', long('eyJ', (text) => ({ errors: [{ stack: text }] }))],
  ['an extra of password= and quotes', '/browser', long('password="', (text) => ({ extra: { text } }))],
  ['arrays in arrays', '/browser', filled('{"records":[{"kind":"event","name":"x","payload":{"a":[', '[],', '0]}}]}')],
  ['records without anything', '/browser', filled('{"records":[', '{"kind":"event","name":"x"},', '0]}')],
  [
    'a frame with a very long file',
    '/api/1/envelope/',
    envelope(filled('{"exception":{"values":[{"stacktrace":{"frames":[{"filename":"', 'a/', '"}]}}]}}')),
  ],
  [
    'errors with many frames each',
    '/api/1/envelope/',
    envelope(filled('{"exception":{"values":[', `{"stacktrace":{"frames":[${'{},'.repeat(200)}{}]}},`, '{}]}}')),
  ],
  [
    'an event with many breadcrumbs and tags',
    '/api/1/envelope/',
    envelope(filled('{"tags":{"a":1},"breadcrumbs":[', '{"message":"x","data":{"a":"b@c"}},', '{}]}')),
  ],
  ['items without anything', '/api/1/envelope/', filled('{}\n', '{"type":"event"}\n{}\n', '')],
  ['spans without end', '/api/1/envelope/', `{}\n{"type":"span"}\n${filled('{"items":[', '{"name":"x"},', '{}]}')}`],
  ['events in a batch', '/batch/', filled('{"batch":[', '{"event":"a"},', '{}]}')],
  ['an event of nested properties', '/batch/', filled('{"event":"a","properties":{"a":', '{"b":{},"c":', '0')],
]

async function timeOf(path: string, body: string): Promise<number> {
  const ingest = createIngest({ journal: createMemoryJournal(), basePath: '/api/msc', maxBytes: 2 * SIZE })
  const request = new Request(`http://127.0.0.1/api/msc${path}`, { method: 'POST', body })
  const started = performance.now()
  await ingest(request)
  return performance.now() - started
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number

describe('the body of a hostile client', () => {
  it.each(BODIES)('costs little more than an ordinary one of its size: %s', async (_, path, body) => {
    expect(body.length).toBeGreaterThan(SIZE * 0.9)
    expect(body.length).toBeLessThan(SIZE * 1.1)
    const times = { hostile: [] as number[], ordinary: [] as number[] }
    for (let round = 0; round < 5; round++) {
      times.ordinary.push(await timeOf('/browser', ordinary))
      times.hostile.push(await timeOf(path, body))
    }
    expect(median(times.hostile) / median(times.ordinary)).toBeLessThan(3)
  })

  it('costs no more in numbers: ten such clients at once, beside ten ordinary ones', async () => {
    const rounds = { hostile: [] as number[], ordinary: [] as number[] }
    const ten = async (bodies: readonly (readonly [string, string])[]): Promise<number> => {
      const started = performance.now()
      await Promise.all(bodies.map(([path, body]) => timeOf(path, body)))
      return performance.now() - started
    }
    const hostile = BODIES.slice(0, 10).map(([, path, body]) => [path, body] as const)
    for (let round = 0; round < 5; round++) {
      rounds.ordinary.push(await ten(hostile.map(() => ['/browser', ordinary] as const)))
      rounds.hostile.push(await ten(hostile))
    }
    expect(median(rounds.hostile) / median(rounds.ordinary)).toBeLessThan(3)
  })

  it('does not block the process: other work gets its turn while a body of many records is written', async () => {
    const journal = createMemoryJournal({ capacity: 5000 })
    // Each reading of the clock ends a turn, however fast the machine is.
    let now = 0
    const clock = { ...systemClock, monotonic: () => (now += 1000) }
    const ingest = createIngest({ journal, basePath: '/api/msc', maxBytes: 2 * SIZE, clock })
    let turns = 0
    let done = false
    const count = (): void => {
      turns += 1
      if (!done) setImmediate(count)
    }
    const request = new Request('http://127.0.0.1/api/msc/browser', { method: 'POST', body: ordinary })
    await request.clone().text()
    setImmediate(count)
    await ingest(request)
    done = true
    const records = journal.query({ limit: 5000 }).length
    expect(records).toBeGreaterThan(50)
    expect(turns).toBeGreaterThanOrEqual(records)
  })

  it('is refused when it is small and decompresses without end', async () => {
    const ingest = createIngest({ journal: createMemoryJournal(), basePath: '/api/msc', maxBytes: SIZE })
    const bomb = gzipSync(Buffer.alloc(50_000_000, 'a'))
    expect(bomb.length).toBeLessThan(SIZE)
    const request = new Request('http://127.0.0.1/api/msc/browser', { method: 'POST', body: bomb })
    expect((await ingest(request)).status).toBe(413)
  })
})
