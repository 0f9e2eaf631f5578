import { existsSync, readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** Reads the counts of a vitest JSON report. A test file that could not be loaded counts as one failure. */
export function vitestCounts(report) {
  const broken = (report.testResults ?? []).filter(
    (file) => file.status === 'failed' && (file.assertionResults ?? []).length === 0,
  ).length
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  }
}

/**
 * Reads the counts of a Playwright JSON report. A test that passed on a retry counts as passed, an error outside tests
 * as a failure.
 */
export function playwrightCounts(report) {
  const { expected, unexpected, flaky, skipped } = report.stats
  return { passed: expected + flaky, failed: unexpected + (report.errors?.length ?? 0), skipped }
}

/** Reads the failures of a vitest JSON report: the file, the test, and the first line of why. @returns {string[]} */
export function vitestFailures(report) {
  return (report.testResults ?? []).flatMap(({ name, status, message, assertionResults = [] }) => {
    if (status === 'failed' && assertionResults.length === 0) return [`${name}: ${firstLine(message)}`]
    return assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => `${name} › ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`)
  })
}

/** Reads the failures of a Playwright JSON report, in the same form. @returns {string[]} */
export function playwrightFailures(report) {
  const inSuite = ({ specs = [], suites = [] }) => [
    ...specs
      .filter(({ ok }) => !ok)
      .map(({ file, title, tests = [] }) => {
        const result = tests.flatMap(({ results = [] }) => results).find(({ error }) => error)
        return `${file} › ${title}: ${firstLine(result?.error?.message)}`
      }),
    ...suites.flatMap(inSuite),
  ]
  return [...(report.suites ?? []).flatMap(inSuite), ...(report.errors ?? []).map(({ message }) => firstLine(message))]
}

const firstLine = (text = '') => stripVTControlCharacters(text).trim().split('\n')[0]

/** Reads a report. A runner that wrote none counts as one failure. */
export function readReport(path, count) {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0 }
  try {
    return count(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

/** Reads the failures of a report file; none where there is no such file. @returns {string[]} */
export function readFailures(path, failuresOf) {
  try {
    return failuresOf(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return []
  }
}

/** @param {Counts[]} all */
export function sum(all) {
  return all.reduce(
    (total, each) => ({
      passed: total.passed + each.passed,
      failed: total.failed + each.failed,
      skipped: total.skipped + each.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  )
}
