/** The stamp of each tag, or `NEVER`. A map, since a tag may be called `constructor` or `__proto__`. */
export type Stamps = ReadonlyMap<string, string>

/** In place of the stamp of a tag that was never invalidated; no answer of a broken store looks like it. */
export const NEVER = 'never'

export const NO_STAMPS: Stamps = new Map()
