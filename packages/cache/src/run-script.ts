import type { CacheDriver } from './driver.ts'
import type { Guard } from './guarded-driver.ts'
import type * as Lua from './lua.ts'

export type ScriptName = keyof typeof Lua

/** Runs a script of `lua.ts` on the store. @throws when it is away. */
export type RunScript = (
  name: ScriptName,
  keys: readonly string[],
  args: readonly string[],
  signal?: AbortSignal,
) => Promise<unknown>

export function createRunScript(driver: CacheDriver, guard: Guard): RunScript {
  let lua: typeof Lua | undefined
  const load = async (): Promise<typeof Lua> => (lua ??= await import('./lua.ts'))
  return async (name, keys, args, signal) =>
    guard.call(
      name.toLowerCase().replace('_', '-'),
      (until) =>
        lua
          ? driver.evaluate?.(lua[name], keys, args, until)
          : load().then((scripts) => driver.evaluate?.(scripts[name], keys, args, until)),
      signal,
    )
}
