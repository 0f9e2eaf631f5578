/** The stamp of each tag; empty for one that was never invalidated. */
export type Stamps = Readonly<Record<string, string>>

export const NO_STAMPS: Stamps = {}
