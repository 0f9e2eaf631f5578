/**
 * The version of the contract between copies of this package in one process. A breaking change of a slot's contents raises
 * it, so that two majors in one process don't use each other's objects.
 */
export const CONTRACT_VERSION = 1

/** Returns the key of a process-wide slot: `Symbol.for('@msc/<name>@<version>')`. */
export function slotKey(name: string, version: number = CONTRACT_VERSION): symbol {
  return Symbol.for(`@msc/${name}@${version}`)
}

/**
 * Returns an object that all copies of a package in this process share, made on first use. It lives on `globalThis`,
 * because a bundler may include a module several times and all copies must use one object.
 *
 * @param name The slot's name without the npm scope, such as `core/telemetry` or `realtime/hub`.
 */
export function processSlot<T>(name: string, create: () => T, version: number = CONTRACT_VERSION): T {
  return ((globalThis as unknown as Record<symbol, T | undefined>)[slotKey(name, version)] ??= create())
}
