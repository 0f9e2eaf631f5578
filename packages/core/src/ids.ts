/** Random bytes asked for at once: a call of the platform's generator costs more than what it returns. */
const POOL_BYTES = 4096
let pool = new Uint8Array()
let used = 0

/** `bytes` random bytes in lower-case hexadecimal, from the platform's CSPRNG. No byte is handed out twice. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(Math.max(bytes, POOL_BYTES)))
    used = 0
  }
  let hex = ''
  for (const end = used + bytes; used < end; used++) hex += HEX[pool[used] as number]
  return hex
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1))

let lastMs = 0
let sequence = 0

/**
 * An id that sorts by the time it was made: 48 bits of `nowMs`, a 16-bit sequence, 64 random bits, as 32 hex digits.
 * Ids of one process made in one millisecond keep their order.
 */
export function sortableId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xffff) {
    // 65 536 ids in a millisecond: borrow the next one rather than repeat.
    lastMs += 1
    sequence = 0
  }
  return lastMs.toString(16).padStart(12, '0') + sequence.toString(16).padStart(4, '0') + randomHex(8)
}
