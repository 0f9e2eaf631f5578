import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import FailedTestsReporter from './lib/failed-tests-reporter.mjs'

let folder
const read = (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '')
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msc-reporter-'))
  vi.stubEnv('MSC_FAILED_TESTS', join(folder, 'failed'))
  vi.stubEnv('MSC_ABORTED_TESTS', join(folder, 'aborted'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

it('tells a process that V8 has aborted from everything else that ends a run', () => {
  const reporter = new FailedTestsReporter()
  const aborted =
    'Worker exited unexpectedly with signal SIGTRAP during started state while running test file a.test.ts'
  reporter.onTestRunEnd([], [new Error('of the pool', { cause: new Error(aborted) })])
  expect([read('aborted'), read('failed')]).toEqual([`${aborted}\n`, ''])
  reporter.onTestRunEnd([], [new Error('Worker exited unexpectedly with signal SIGKILL during started state')])
  reporter.onTestRunEnd([], [new Error('a rejection that nobody caught')])
  expect(read('failed').trim().split('\n')).toEqual([
    expect.stringContaining('SIGKILL'),
    'a rejection that nobody caught',
  ])
})
