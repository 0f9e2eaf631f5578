import { describe, expect, it } from 'vitest'
import { playwrightCounts, readReport, sum, vitestCounts } from './lib/reports.mjs'

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
