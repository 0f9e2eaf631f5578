import { hexOf } from '@msc/core/hash'

/** A Lua script for a server that speaks Redis; the same object each time, so that its digest is computed once. */
export interface Script {
  /** For errors. */
  readonly name: string
  readonly lua: string
}

const digests = new WeakMap<Script, Promise<string>>()

/** The SHA-1 that Redis knows a script by. */
export function digestOf(script: Script): Promise<string> {
  const known = digests.get(script)
  if (known) return known
  const digest = crypto.subtle.digest('SHA-1', new TextEncoder().encode(script.lua)).then(hexOf)
  digests.set(script, digest)
  return digest
}

/** A time as Redis takes it: it knows no fraction of a millisecond, and no time to live of none. */
export function milliseconds(ms: number): number {
  return Math.max(1, Math.round(ms))
}
