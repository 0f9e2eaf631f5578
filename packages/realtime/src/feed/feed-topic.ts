/** Before the table and the owner in a feed's topic. */
export const FEED = 'feed:'

/** The topic of a table's rows that belong to `ownerId`. */
export const feedTopic = (table: string, ownerId: string): string => FEED + table + ':' + ownerId
