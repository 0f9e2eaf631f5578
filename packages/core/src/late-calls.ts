import { runGuarded } from './errors/failures.ts'
import { processSlot } from './slot.ts'

/**
 * What becomes of a call where too many wait: of most, those that came first stay; of breadcrumbs the newest, as far as
 * nothing else needs their place; and what says who somebody is, or what they allow, is always kept, since what follows
 * would be said of somebody else.
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
  /**
   * Calls that were not made: there were too many before the engine came, or they threw. Breadcrumbs that made room for
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

/** Calls that are kept until the engine is there. */
const LIMIT = 100
/** The same with those that are always kept; what comes after that takes the place of the last. */
const MOST = 1000

/**
 * Keeps a call; returns how many are lost by that: this one, or the one whose place it takes. What is full gives up its
 * oldest breadcrumb first, which is nothing without the event that it would go with, and is not counted.
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
