/**
 * The version of the contracts between copies of this package in one process. Raised with the first breaking change of
 * what lives in a slot, so that two majors in one process don't take each other's objects for their own.
 */
export const CONTRACT_VERSION = 1

/** `Symbol.for('@msc/<name>@<version>')`: the key of a process-wide slot. */
export function slotKey(name: string, version: number = CONTRACT_VERSION): symbol {
  return Symbol.for(`@msc/${name}@${version}`)
}

/**
 * What all copies of a package in this process share, made on first use. It lives on `globalThis`, because a bundler may
 * include a module several times and every copy must see one object.
 *
 * @param name Without the scope: `core/telemetry`, `realtime/hub`.
 */
export function processSlot<T>(name: string, create: () => T, version: number = CONTRACT_VERSION): T {
  return ((globalThis as unknown as Record<symbol, T | undefined>)[slotKey(name, version)] ??= create())
}
