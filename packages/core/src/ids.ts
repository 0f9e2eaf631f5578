/** The number of random bytes to fetch at once, since each call of the platform's generator is expensive. */
const POOL_BYTES = 4096
let pool = new Uint8Array()
let used = 0

/** Returns `bytes` random bytes from the platform's CSPRNG as lower-case hex digits. No byte is used twice. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(Math.max(bytes, POOL_BYTES)))
    used = 0
  }
  let hex = ''
  for (const end = used + bytes; used < end; used++) hex += HEX[pool[used] as number]
  return hex
}

const HEX: readonly string[] = /* @__PURE__ */ (() =>
  Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1)))()

let lastMs = 0
let sequence = 0

/**
 * Returns an id that sorts by time: 48 bits of `nowMs`, a 16-bit sequence and 64 random bits, as 32 hex digits. Ids that
 * one process makes in the same millisecond keep their order.
 */
export function sortableId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xffff) {
    // All 65 536 ids of this millisecond are used: continue with the next millisecond rather than repeat one.
    lastMs += 1
    sequence = 0
  }
  return lastMs.toString(16).padStart(12, '0') + sequence.toString(16).padStart(4, '0') + randomHex(8)
}
