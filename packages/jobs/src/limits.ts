/** Bytes of one event's data as JSON. */
export const MAX_EVENT_BYTES: number = 512 * 1024
