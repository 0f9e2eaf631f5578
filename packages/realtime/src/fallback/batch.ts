// Frames on their way up, several to a request.

/** Characters of a request's frames, of which none has more than three bytes: fewer than the 256 KiB that a server takes. */
const MAX_LENGTH = 64 * 1024
/** Frames of a request: a tenth of what a server takes at once. */
const MAX_LINES = 100

/** How many of the frames that wait go in the next request. One at least, however large it is. */
export function batchSize(waiting: readonly string[]): number {
  let length = 0
  const end = waiting.slice(0, MAX_LINES).findIndex((line) => (length += line.length + 1) > MAX_LENGTH)
  return end < 0 ? Math.min(waiting.length, MAX_LINES) : Math.max(end, 1)
}

/** What a server says of a refusal, for programs. */
export interface Refusal {
  readonly code: string
  readonly retry_after_ms?: number
}

/** The answer that a server gives over a WebSocket to a frame that it refuses; `undefined` for what is no frame. */
export function refusedReply(line: string, reason: string, msc: Refusal): string | undefined {
  const frame: unknown = JSON.parse(line)
  if (!Array.isArray(frame)) return undefined
  const [joinRef, ref, topic, event] = frame as readonly unknown[]
  const join = joinRef ?? (event === 'phx_join' ? ref : null)
  return JSON.stringify([join, ref, topic, 'phx_reply', { status: 'error', response: { reason }, msc }])
}
