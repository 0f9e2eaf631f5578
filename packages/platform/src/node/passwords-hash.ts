import { randomBytes } from 'node:crypto'

/** What one hash costs. It needs 128·r·(N + p) bytes for as long as it takes. */
export interface ScryptCost {
  readonly n: number
  readonly r: number
  readonly p: number
}

/** A stored hash, taken apart. */
export interface StoredHash extends ScryptCost {
  readonly salt: Uint8Array
  readonly key: Uint8Array
}

/**
 * N = 2^16, r = 8, p = 2: 64 MiB. It costs an attacker as much as N = 2^17 with p = 1, and this process half the memory.
 *
 * Source: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
 */
export const COST: ScryptCost = { n: 2 ** 16, r: 8, p: 2 }
export const KEY_BYTES = 32
const SALT_BYTES = 16

/** 128 MiB: hashes with N = 2^17 and r = 8 are still verified. */
const MAX_MEMORY = 2 ** 27
/** 8 MiB more, for what is mixed p times. */
const MAX_BLOCKS = 2 ** 23
/** Twice the work of today's cost. */
const MAX_WORK = 2 ** 21

export function newSalt(): Uint8Array {
  return randomBytes(SALT_BYTES)
}

/** Returns `scrypt$N$r$p$salt$hash`, with salt and hash in base64url. */
export function formatHash({ n, r, p, salt, key }: StoredHash): string {
  return ['scrypt', n, r, p, base64url(salt), base64url(key)].join('$')
}

/**
 * Returns the parts of a stored hash; `undefined` for a text of another form, and for costs that would take more memory or
 * time than a hash of ours ever did: whoever can write to the table must not be able to stop the server.
 */
export function parseHash(stored: string): StoredHash | undefined {
  if (stored.length > 512) return undefined
  const [, n, r, p, salt, key] = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([\w-]+)\$([\w-]+)$/.exec(stored) ?? []
  if (salt === undefined || key === undefined) return undefined
  const cost = { n: Number(n), r: Number(r), p: Number(p) }
  const parts = { salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') }
  const fits = isAffordable(cost) && isBetween(parts.salt.length, 8, 64) && isBetween(parts.key.length, 16, 64)
  return fits ? { ...cost, ...parts } : undefined
}

/** N has to be a power of two greater than one, and less than 2^(16r). Source: RFC 7914, section 2. */
function isAffordable({ n, r, p }: ScryptCost): boolean {
  const isPower = n > 1 && Number.isInteger(Math.log2(n)) && Math.log2(n) < 16 * r
  const memory = 128 * n * r <= MAX_MEMORY && 128 * p * r <= MAX_BLOCKS
  return isPower && r >= 1 && p >= 1 && memory && n * r * p <= MAX_WORK
}

/** True when a new hash would cost an attacker something else. */
export function isOutdated({ n, r, p, salt, key }: StoredHash): boolean {
  return n !== COST.n || r !== COST.r || p !== COST.p || salt.length < SALT_BYTES || key.length < KEY_BYTES
}

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
