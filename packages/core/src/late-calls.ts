import { runGuarded } from './failures.ts'
import { processSlot } from './slot.ts'

/** Calls of an engine whose code is loaded late; what came before is made up for in its order. */
export interface LateCalls<Engine> {
  /** Calls now, or as soon as the engine is there. Nothing is kept where there is no page. Never throws. */
  perform(call: (engine: Engine) => unknown): void
  /** The engine is there: makes the calls that wait. */
  resolve(engine: Engine): void
  /** The engine, once it is there. */
  readonly engine: Engine | undefined
  /** Calls that were not made: there were too many before the engine came, or they threw. */
  readonly dropped: number
}

interface State<Engine> {
  engine?: Engine
  waiting: ((engine: Engine) => unknown)[]
  dropped: number
}

/** Calls that are kept until the engine is there. */
const LIMIT = 100

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
    perform(call) {
      const current = state()
      if (current.engine !== undefined) return make(current.engine, call)
      // On a server the calls of all visitors would wait together, for an engine that never comes.
      if (typeof document !== 'undefined' && current.waiting.length < LIMIT) current.waiting.push(call)
      else current.dropped += 1
    },
    resolve(engine) {
      const current = state()
      current.engine = engine
      for (const call of current.waiting.splice(0)) make(engine, call)
    },
    get engine() {
      return state().engine
    },
    get dropped() {
      return state().dropped
    },
  }
}
