import { writeFileSync } from 'node:fs'

/** The error that vitest reports for a test file whose process V8 has aborted. */
const ABORTED = /^Worker exited unexpectedly with signal (SIGTRAP|SIGSEGV) /

/** A reporter for vitest that writes the file MSC_ABORTED_TESTS when V8 has aborted processes and nothing else has failed. */
export default class AbortedTestsReporter {
  onTestRunEnd(files, errors) {
    const messages = errors.map((error) => String(error.cause?.message ?? error.message))
    if (messages.length === 0 || !messages.every((message) => ABORTED.test(message)) || files.some(hasFailed)) return
    writeFileSync(process.env.MSC_ABORTED_TESTS, messages.join('\n'))
  }
}

/** A file fails without a failed test when it can't be loaded or a hook fails. */
function hasFailed(file) {
  const suites = [file, ...file.children.allSuites()]
  return suites.some((suite) => suite.errors().length > 0) || !file.children.allTests('failed').next().done
}
