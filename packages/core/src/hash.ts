// These hashes are not cryptographic: don't use them for secrets. Stores and issues contain them, so they must never change.

/** Returns the FNV-1a hash, 32 bits, unsigned. Another `seed` gives another hash of the same text. */
export function fnv1a(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Returns all 64 bits of cyrb53 as 16 hex digits. Synchronous, with a good spread. Source: https://github.com/bryc/code */
export function hash64(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return hex32(b) + hex32(a)
}

/**
 * Returns 128 bits as 32 hex digits: four lanes of FNV-1a with different offsets, finished by MurmurHash3's fmix32.
 * Distinguishes the keys of one application, synchronously and without a builtin.
 */
export function hash128(text: string): string {
  const lanes = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    for (let lane = 0; lane < 4; lane++)
      lanes[lane] = Math.imul((lanes[lane] as number) ^ (code + lane * i), 0x01000193)
  }
  return lanes.map((lane) => hex32(fmix32(lane))).join('')
}

/** Writes bytes, such as a digest, as lower-case hex digits. */
export function hexOf(bytes: ArrayBuffer | Uint8Array): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function fmix32(input: number): number {
  let h = input
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const hex32 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')
