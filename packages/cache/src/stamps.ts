/** The stamp of each tag, or `NEVER`. */
export type Stamps = Readonly<Record<string, string>>

/** In place of the stamp of a tag that was never invalidated; no answer of a broken store looks like it. */
export const NEVER = 'never'

export const NO_STAMPS: Stamps = {}
