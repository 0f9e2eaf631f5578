import { appendFileSync } from 'node:fs'

/** What vitest says of a file whose process V8 has aborted. */
const ABORTED = /^Worker exited unexpectedly with signal (SIGTRAP|SIGSEGV) /

/**
 * A reporter for vitest that writes down at once what has failed: a runner that dies later would take it along. At the end it
 * writes the files whose process V8 has aborted into a file of their own.
 */
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

  onTestRunEnd(_files, errors) {
    for (const error of errors) {
      // Vitest wraps what a worker says.
      const message = String(error.cause?.message ?? error.message)
      if (ABORTED.test(message)) note(message, process.env.MSC_ABORTED_TESTS)
      else note(message)
    }
  }
}

function note(what, file = process.env.MSC_FAILED_TESTS) {
  appendFileSync(file, `${what}\n`)
}
