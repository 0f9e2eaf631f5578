import type { CacheCoordination } from './coordination.ts'

export type Verb = Exclude<keyof CacheCoordination, 'listen'>

/**
 * The methods that a `coordination` has, all of them or none (`listen` alone is optional), with how many arguments each
 * takes before its signal.
 */
export const VERBS: Readonly<Record<Verb, number>> = {
  acquire: 2,
  renew: 2,
  commit: 3,
  release: 2,
  append: 2,
  readSince: 2,
  readAt: 2,
  commitSince: 3,
  consume: 2,
}
