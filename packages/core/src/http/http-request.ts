// This entry is separate from `@msc/core/http`, which servers load late, with a driver. If the two were one entry, the roots
// of those packages would load all of it at the start.
export { addressGroup } from './address-group.ts'
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
export { parseJson } from './parse-json.ts'
export { bodyProblem, problem, type ProblemOptions } from './problem.ts'
