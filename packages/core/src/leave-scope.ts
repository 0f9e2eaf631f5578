import { slotKey } from './slot.ts'

/** What `context.ts` keeps in its slot, as far as leaving it goes. */
interface Storage {
  run<T>(running: object, fn: () => T): T
}

const KEY = slotKey('core/context')
const NOTHING = {}

/**
 * Runs `fn` outside of any unit of work, and with it everything that it begins: a connection, a timer, a loop. What
 * lives longer than the request that needed it first must not carry that request's user, nor keep its scope in memory.
 */
export function withoutScope<T>(fn: () => T): T {
  // The storage is made by the first unit of work; before that, there is nothing to leave.
  const storage = (globalThis as unknown as Record<symbol, Storage | undefined>)[KEY]
  return storage ? storage.run(NOTHING, fn) : fn()
}
