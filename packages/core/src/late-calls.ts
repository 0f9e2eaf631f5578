import { runGuarded } from './errors/failures.ts'
import { processSlot } from './slot.ts'

/**
 * Which calls to keep when too many are waiting. `first`: the earliest. `newest`: the latest, as long as no other call
 * needs the place; for breadcrumbs. `always`: every call that sets the user or the consent, because later calls would
 * otherwise be attributed to the wrong user.
 */
type Keep = 'first' | 'newest' | 'always'

/** Calls to an engine whose code is loaded late. Earlier calls are queued and made in order. */
export interface LateCalls<Engine> {
  /**
   * Makes a call now, or queues it until the engine has loaded. Queues nothing outside a page. Never throws.
   *
   * @param keep Default `first`.
   */
  perform(call: (engine: Engine) => unknown, keep?: Keep): void
  /** Sets the loaded engine and makes the queued calls. */
  resolve(engine: Engine): void
  /** The engine, once it has loaded. */
  readonly engine: Engine | undefined
  /**
   * The number of calls that were not made, because too many were queued, or that threw. Breadcrumbs that made room for
   * others are not counted.
   */
  readonly dropped: number
}

interface State<Engine> {
  engine?: Engine
  waiting: Waiting<Engine>[]
  dropped: number
}

interface Waiting<Engine> {
  readonly call: (engine: Engine) => unknown
  readonly keep: Keep
}

/** The number of calls to queue until the engine has loaded. */
const LIMIT = 100
/** The same including the `always` calls. Beyond it, each of those replaces the last one. */
const MOST = 1000

/**
 * Queues a call and returns how many calls are lost by that: none, this one, or the one that it replaces. A full queue
 * first drops its oldest breadcrumb, which is not counted, since it matters only together with an event.
 */
function add<Engine>(waiting: Waiting<Engine>[], one: Waiting<Engine>): number {
  const always = one.keep === 'always'
  const isFull = waiting.length >= (always ? MOST : LIMIT)
  const oldest = isFull ? waiting.findIndex(({ keep }) => keep === 'newest') : -1
  if (oldest >= 0) waiting.splice(oldest, 1)
  else if (isFull && !always) return 1
  else if (isFull) waiting.pop()
  waiting.push(one)
  return isFull && oldest < 0 ? 1 : 0
}

/**
 * Makes the small part of a browser entry point that loads with the page and queues calls until the engine's code has
 * loaded.
 *
 * @param name The name of the process-wide slot, such as `monitoring/browser`.
 */
export function createLateCalls<Engine>(name: string): LateCalls<Engine> {
  const state = (): State<Engine> => processSlot(name, () => ({ waiting: [], dropped: 0 }))
  const make = (engine: Engine, call: (engine: Engine) => unknown): void =>
    runGuarded(
      () => call(engine),
      () => (state().dropped += 1),
    )
  return {
    perform(call, keep = 'first') {
      const current = state()
      if (current.engine !== undefined) return make(current.engine, call)
      // On a server, the calls of all visitors would queue up together for an engine that never loads.
      current.dropped += typeof document === 'undefined' ? 1 : add(current.waiting, { call, keep })
    },
    resolve(engine) {
      const current = state()
      current.engine = engine
      for (const { call } of current.waiting.splice(0)) make(engine, call)
    },
    get engine() {
      return state().engine
    },
    get dropped() {
      return state().dropped
    },
  }
}
