import { describe, expect, it } from 'vitest'
import {
  playwrightCounts,
  playwrightFailures,
  readFailures,
  readReport,
  sum,
  vitestCounts,
  vitestFailures,
} from './lib/reports.mjs'

describe('failures', () => {
  it('are read from a vitest report with the first line of why', () => {
    const failed = {
      status: 'failed',
      fullName: 'sums > adds',
      failureMessages: ['\u001b[31mError: 3 is not 4\u001b[39m\n at x'],
    }
    const report = {
      testResults: [
        { name: 'a.test.ts', status: 'failed', message: 'no such module\nat y', assertionResults: [] },
        {
          name: 'b.test.ts',
          status: 'failed',
          assertionResults: [failed, { status: 'passed', fullName: 'sums > more' }],
        },
      ],
    }
    expect(vitestFailures(report)).toEqual(['a.test.ts: no such module', 'b.test.ts › sums > adds: Error: 3 is not 4'])
  })
  it('are read from a Playwright report, whose suites are nested', () => {
    const spec = (title, ok) => ({
      file: 'e2e/x.spec.ts',
      title,
      ok,
      tests: [{ results: [{}, { error: { message: 'Timeout\nof 30 s' } }] }],
    })
    const report = { suites: [{ specs: [spec('one', true)], suites: [{ specs: [spec('two', false)] }] }], errors: [] }
    expect(playwrightFailures(report)).toEqual(['e2e/x.spec.ts › two: Timeout'])
  })
  it('are none where there is no report', () => {
    expect(readFailures('/nowhere/report.json', vitestFailures)).toEqual([])
  })
})

describe('test counts', () => {
  it('are read from a vitest report, in which a file that did not load is a failure', () => {
    const report = {
      numPassedTests: 5,
      numFailedTests: 1,
      numPendingTests: 2,
      numTodoTests: 0,
      testResults: [
        { status: 'failed', assertionResults: [] },
        { status: 'passed', assertionResults: [{}] },
      ],
    }
    expect(vitestCounts(report)).toEqual({ passed: 5, failed: 2, skipped: 2 })
  })
  it('are read from a Playwright report, in which an error outside tests is a failure', () => {
    const report = { stats: { expected: 3, unexpected: 0, flaky: 1, skipped: 1 }, errors: [{ message: 'no browser' }] }
    expect(playwrightCounts(report)).toEqual({ passed: 4, failed: 1, skipped: 1 })
  })
  it('are one failure for a runner that wrote no report', () => {
    expect(readReport('/nowhere/report.json', vitestCounts)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })
  it('add up', () => {
    expect(
      sum([
        { passed: 1, failed: 0, skipped: 2 },
        { passed: 3, failed: 1, skipped: 0 },
      ]),
    ).toEqual({ passed: 4, failed: 1, skipped: 2 })
  })
})
