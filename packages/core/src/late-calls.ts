import { runGuarded } from './failures.ts'
import { processSlot } from './slot.ts'

/**
 * What becomes of a call where too many wait: of most, those that came first stay; of breadcrumbs, the newest; and what
 * says who somebody is, or what they allow, is always kept, since what follows would be said of somebody else.
 */
type Keep = 'first' | 'newest' | 'always'

/** Calls of an engine whose code is loaded late; what came before is made up for in its order. */
export interface LateCalls<Engine> {
  /**
   * Calls now, or as soon as the engine is there. Nothing is kept where there is no page. Never throws.
   *
   * @param keep Default `first`.
   */
  perform(call: (engine: Engine) => unknown, keep?: Keep): void
  /** The engine is there: makes the calls that wait. */
  resolve(engine: Engine): void
  /** The engine, once it is there. */
  readonly engine: Engine | undefined
  /** Calls that were not made: there were too many before the engine came, or they threw. */
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

/** Calls that are kept until the engine is there. */
const LIMIT = 100
/** The same with those that are always kept; what comes after that takes the place of the last. */
const MOST = 1000

/** False when there is no room. */
function add<Engine>(waiting: Waiting<Engine>[], one: Waiting<Engine>): boolean {
  if (waiting.length >= LIMIT && one.keep !== 'always') {
    const oldest = one.keep === 'newest' ? waiting.findIndex(({ keep }) => keep === 'newest') : -1
    if (oldest < 0) return false
    waiting.splice(oldest, 1)
  }
  if (waiting.length >= MOST) waiting.pop()
  waiting.push(one)
  return true
}

/**
 * The small part of a browser entry point, which loads with the page: it keeps calls until the engine's code is there.
 *
 * @param name Of the process-wide slot: `monitoring/browser`.
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
      // On a server the calls of all visitors would wait together, for an engine that never comes.
      if (typeof document === 'undefined' || !add(current.waiting, { call, keep })) current.dropped += 1
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
