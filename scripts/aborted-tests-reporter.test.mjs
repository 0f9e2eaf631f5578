import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

const here = import.meta.dirname
let folder
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'msc-reporter-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it.each([
  ['aborted', true],
  ['aborted-and-failed', false],
  ['killed', false],
])('tells whether tests that were %s failed only because V8 aborted a process: %s', (fixture, expected) => {
  const file = join(folder, 'aborted-tests.txt')
  const vitest = join(here, '..', 'node_modules', 'vitest', 'vitest.mjs')
  const reporter = join(here, 'lib', 'aborted-tests-reporter.mjs')
  const args = [vitest, 'run', '--root', join(here, '__fixtures__', fixture), `--reporter=${reporter}`]
  const { status } = spawnSync(process.execPath, args, { env: { ...process.env, MSC_ABORTED_TESTS: file } })
  expect([status, existsSync(file)]).toEqual([1, expected])
})
