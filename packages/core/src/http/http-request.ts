// Apart from what judges answers, which servers load late, with a driver: their roots would carry it from the start.
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
export { bodyProblem, problem, type ProblemOptions } from './problem.ts'
