import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostHogServer, type PostHogServer } from '@msc/analytics/testing'
import { startSentryServer, type SentryServer } from '@msc/monitoring/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFileJournal } from './journal/file-journal.ts'

// These tests look for the last error and the last event of a process at their destination, however the process ends.

let sentry: SentryServer
let posthog: PostHogServer
const folders: string[] = []
beforeAll(async () => {
  sentry = await startSentryServer()
  posthog = await startPostHogServer({ key: 'phc_test' })
})
afterAll(async () => {
  await Promise.all([sentry.close(), posthog.close()])
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
  readonly folder: string
}

async function run(how: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'msc-endings-'))
  folders.push(folder)
  const script = fileURLToPath(new URL('./testing/ending-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@msc/source', '--no-warnings', script, how, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', MSC_QUIET: '1', MSC_ALLOW_EMBEDDED: '1', ...env },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  if (how === 'SIGTERM') child.stdout.once('data', () => child.kill('SIGTERM'))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (...ended: [number | null, NodeJS.Signals | null]) => resolve(ended)),
  )
  return { code, signal, stderr, folder }
}

const ENDINGS = [
  ['natural', { code: 0, signal: null }],
  ['exitCode', { code: 3, signal: null }],
  ['uncaught', { code: 1, signal: null }],
  ['unhandled', { code: 1, signal: null }],
  ['SIGTERM', { code: null, signal: 'SIGTERM' }],
] as const

async function inJournal(folder: string): Promise<(string | undefined)[]> {
  const journal = createFileJournal({ dir: folder })
  const names = journal.query({ kinds: ['error', 'event'] }).map(({ name }) => name)
  await journal.close()
  return names
}

describe('a process that ends', () => {
  it.each(ENDINGS)('by %s has its last error and event in the local store', async (how, status) => {
    const { folder, ...ended } = await run(how, {})
    expect(ended).toMatchObject(status)
    const names = await inJournal(folder)
    expect(names).toContain('Error: captured last')
    expect(names).toContain('tracked last')
    // An error that nothing caught is recorded too.
    if (how === 'uncaught' || how === 'unhandled') {
      expect(names).toContain('RangeError: nobody caught this')
      expect(ended.stderr).toContain('nobody caught this')
    }
  })

  it.each(ENDINGS)('by %s has its last error and event at Sentry and at PostHog', async (how, status) => {
    const [errors, events] = [sentry.events.length, posthog.events.length]
    const ended = await run(how, {
      NEXT_PUBLIC_SENTRY_DSN: sentry.dsn,
      NEXT_PUBLIC_POSTHOG_KEY: 'phc_test',
      NEXT_PUBLIC_POSTHOG_HOST: posthog.url,
    })
    expect(ended).toMatchObject(status)
    const arrived = sentry.events.slice(errors).map(({ exception }) => exception?.values.at(-1)?.value)
    expect(arrived).toContain('captured last')
    if (how === 'uncaught' || how === 'unhandled') expect(arrived).toContain('nobody caught this')
    expect(posthog.events.slice(events).map(({ event }) => event)).toContain('tracked last')
  })

  it('by process.exit() has its last error and event in the local store', async () => {
    const { folder, code } = await run('exit', {})
    expect(code).toBe(4)
    expect(await inJournal(folder)).toEqual(expect.arrayContaining(['Error: captured last', 'tracked last']))
  })
})
