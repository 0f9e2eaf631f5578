import { DriverError } from '../errors/errors.ts'
import { judgeAnswer, type HttpAnswer, type HttpFailureOptions } from './http-answer.ts'

/**
 * Returns the error for an HTTP answer, or `undefined` for success. `judgeAnswer` decides from the status, once for all
 * vendors, whether the call may be retried.
 */
export function httpFailure(answer: HttpAnswer, options: HttpFailureOptions): DriverError | undefined {
  const problem = judgeAnswer(answer, options)
  return problem && new DriverError(options.driver, problem.message, problem)
}
