export { MAX_ANSWER_BYTES, readAnswer, readBounded, type BoundedBody, type ReadAnswer } from './body/read-answer.ts'
export {
  UNREADABLE,
  notTheBackend,
  retryAfter,
  parseContent,
  type HttpAnswer,
  type HttpFailureOptions,
} from './http-answer.ts'
export { httpFailure } from './http-failure.ts'
export { requestFailure, type RequestFailureOptions } from './request-failure.ts'
