import { failureSlot, type GuardedCall } from './failure-slot.ts'
import { reportFailure, runGuarded } from './failures.ts'

type Listener = EventListenerOrEventListenerObject

/**
 * Makes a signal safe to hand to the application's code: what a listener of its abort throws, or rejects with, goes to
 * `onFailure`. Node ends the process for a listener that throws, and a `try` around `abort()` does not catch it. Returns
 * the signal itself. A signal that the application derives from it (`AbortSignal.any`) is not guarded.
 *
 * Source: https://nodejs.org/api/events.html#eventtarget-error-handling
 */
export function guardSignal(signal: AbortSignal, onFailure: (error: unknown) => void): AbortSignal {
  const { addEventListener: add, removeEventListener: remove } = signal
  const guards = new WeakMap<object, (event: Event) => void>()
  const guarded = (listener: Listener): ((event: Event) => void) => {
    const known = guards.get(listener)
    if (known) return known
    const guard = (event: Event): void =>
      runGuarded(() => {
        // As the platform calls them: a function on the target, an object by its method.
        if (typeof listener === 'function') return listener.call(signal, event) as unknown
        return listener.handleEvent(event) as unknown
      }, onFailure)
    guards.set(listener, guard)
    return guard
  }
  let onabort: AbortSignal['onabort'] = null
  /** Its own listener: the same function may have been added as one too. */
  const handle = (event: Event): unknown => onabort?.call(signal, event)
  const setOnabort = (handler: AbortSignal['onabort']): void => {
    onabort = handler
    if (handler) signal.addEventListener('abort', handle)
    else signal.removeEventListener('abort', handle)
  }
  Object.defineProperties(signal, {
    addEventListener: {
      configurable: true,
      value: (type: string, listener: Listener | null, options?: AddEventListenerOptions | boolean) =>
        add.call(signal, type, (listener && guarded(listener)) as Listener, options),
    },
    removeEventListener: {
      configurable: true,
      value: (type: string, listener: Listener | null, options?: EventListenerOptions | boolean) =>
        remove.call(signal, type, ((listener && guards.get(listener)) ?? listener) as Listener, options),
    },
    onabort: { configurable: true, get: () => onabort, set: setOnabort },
  })
  return signal
}

/** `[msc/cache] [redis] get` is the operation `get` of the concern `cache`. */
const WHOSE = /^(?:\[msc\/(\w+)\] )?(?:\[[^\]]*\] )*/

/**
 * Makes the signal of every call with a deadline a guarded one, from here on: drivers and ports are the application's
 * code too. Whatever has a breaker or `createService` asks for it, and so do servers; in a page, where a listener that
 * throws ends nothing, what runs there alone does without its weight. Of a bare `deadline` on a server whoever calls it
 * calls this first.
 */
export function guardSignals(): void {
  failureSlot().guard ??= (signal, { operation, concern, report }) =>
    guardSignal(signal, (error) => {
      const [prefix = '', named = 'core'] = WHOSE.exec(operation) ?? []
      const what = operation.slice(prefix.length)
      if (report) report(error, what)
      else reportFailure(error, { concern: concern ?? named, operation: what })
    })
}

/** The signal that a call hands to a driver or a port, guarded where that is asked for: see {@link guardSignals}. */
export function guarded(signal: AbortSignal, call: GuardedCall): AbortSignal {
  return failureSlot().guard?.(signal, call) ?? signal
}
