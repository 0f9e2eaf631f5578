import { ValidationError } from '@msc/core'

/** @throws ValidationError, before anything is done: `what` is wrong. */
export function refuse(what: string, code: string): never {
  throw new ValidationError(`[msc/cache] ${what}.`, [], { code })
}

/** @throws ValidationError for what is no name of a tag. */
export function assertTag(tag: unknown): void {
  if (typeof tag !== 'string' || tag === '') refuse('A tag must be a non-empty string', 'CACHE_TAG_INVALID')
}
