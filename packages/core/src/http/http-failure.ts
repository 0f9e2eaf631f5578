import { DriverError } from '../errors/errors.ts'
import { judgeAnswer, type HttpAnswer, type HttpFailureOptions } from './http-answer.ts'

/**
 * The error that an HTTP answer means, or `undefined` for success. Whether a call may be repeated is decided from the
 * status, once for all vendors: see `judgeAnswer`.
 */
export function httpFailure(answer: HttpAnswer, options: HttpFailureOptions): DriverError | undefined {
  const problem = judgeAnswer(answer, options)
  return problem && new DriverError(options.driver, problem.message, problem)
}
