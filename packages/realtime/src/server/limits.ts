export interface Limits {
  /** Default 10 000. */
  readonly connections: number
  /** Of one connection. Default 100. */
  readonly topics: number
  /** Bytes of one frame. Default 256 KiB. */
  readonly frameBytes: number
  /** Frames of one connection in a second, averaged over ten. Default 100. */
  readonly framesPerSecond: number
  /** Bytes that wait for a slow consumer before it is dropped. Default 4 MiB. */
  readonly bufferedBytes: number
  /** Milliseconds between pings; a connection that misses one is dropped. Default 30 000. */
  readonly pingMs: number
}

export const defaultLimits: Limits = {
  connections: 10_000,
  topics: 100,
  frameBytes: 256 * 1024,
  framesPerSecond: 100,
  bufferedBytes: 4 * 1024 * 1024,
  pingMs: 30_000,
}

/** A token bucket: ten seconds' worth at once, refilled steadily. */
export function createRate(perSecond: number, now: () => number = () => performance.now()): () => boolean {
  let tokens = perSecond * 10
  let last = now()
  return () => {
    const time = now()
    tokens = Math.min(perSecond * 10, tokens + ((time - last) / 1000) * perSecond)
    last = time
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
