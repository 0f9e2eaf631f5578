import { appendFileSync } from 'node:fs'

/** A reporter for vitest that writes down at once what has failed: a runner that dies later would take it along. */
export default class FailedTestsReporter {
  onTestCaseResult(test) {
    if (test.result().state === 'failed') note(test.fullName)
  }

  onTestSuiteResult(suite) {
    if (suite.state() === 'failed') note(suite.fullName)
  }

  /** A file fails without a test when it can't be loaded or a hook fails. */
  onTestModuleEnd(file) {
    if (file.state() === 'failed') note(file.moduleId)
  }
}

function note(what) {
  appendFileSync(process.env.MSC_FAILED_TESTS, `${what}\n`)
}
