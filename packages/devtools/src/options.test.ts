import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryJournal } from '@msc/core'
import { expect, it } from 'vitest'
import { createConsole } from './console/create-console.ts'
import { createIngest } from './ingest/create-ingest.ts'
import { createFileJournal } from './journal/file-journal.ts'
import { recordTelemetry } from './record-telemetry.ts'

const journal = createMemoryJournal()
const none = join(tmpdir(), 'msc-no-such-journal')
const makers: Readonly<Record<string, (options: object | null) => unknown>> = {
  console: (options) => createConsole((options && { journal, authorize: () => true, ...options }) as never),
  ingest: (options) => createIngest((options && { journal, basePath: '/api/msc', ...options }) as never),
  journal: (options) => createFileJournal((options && { dir: none, ...options }) as never),
  telemetry: (options) => recordTelemetry(journal, options as never),
}

it.each<[string, object | null]>([
  ['console', null],
  ['console', { basePath: 5 }],
  ['console', { health: 'yes' }],
  ['ingest', null],
  ['ingest', { userOf: 'nobody' }],
  ['ingest', { clock: null }],
  ['ingest', { maxBytes: Infinity }],
  ['journal', null],
  ['journal', { maxAgeDays: Infinity }],
  ['journal', { maxAgeDays: 1e300 }],
  ['journal', { maxFiles: 1.5 }],
  ['journal', { onError: 'print' }],
  ['telemetry', null],
  ['telemetry', { maxSpansPerSecond: 1e300 }],
])('the %s is not made of %j', (name, options) => {
  expect(() => makers[name]?.(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})
