export { MAX_ANSWER_BYTES, readAnswer, readBounded, type BoundedBody, type ReadAnswer } from './body/read-answer.ts'
export {
  BODY_TIMEOUT_MS,
  readBody,
  readText,
  type BodyBytes,
  type BodyRefusal,
  type BodySource,
  type BodyText,
  type NodeBody,
  type NodeMessage,
  type ReadBodyOptions,
  type ReadTextOptions,
  type WebMessage,
} from './body/read-body.ts'
export type { WebBody } from './body/read-bytes.ts'
export {
  UNREADABLE,
  notTheBackend,
  retryAfter,
  saidIn,
  type HttpAnswer,
  type HttpFailureOptions,
} from './http-answer.ts'
export { httpFailure } from './http-failure.ts'
export { bodyProblem, problem, type ProblemOptions } from './problem.ts'
export { requestFailure, type RequestFailureOptions } from './request-failure.ts'
