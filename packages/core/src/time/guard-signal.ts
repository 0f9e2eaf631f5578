import { failureSlot, type GuardedCall } from '../errors/failure-slot.ts'
import { reportFailure, runGuarded } from '../errors/failures.ts'

type Listener = EventListenerOrEventListenerObject

/**
 * Makes a signal safe to hand to the application's code: what a listener of its abort throws, or rejects with, goes to
 * `onFailure`. Node ends the process for a listener that throws, and a `try` around `abort()` does not catch it. Returns
 * the signal itself; one that is guarded already keeps its guard. A signal that the application derives from it (`AbortSignal.any`) is not guarded.
 *
 * Source: https://nodejs.org/api/events.html#eventtarget-error-handling
 */
export function guardSignal(signal: AbortSignal, onFailure: (error: unknown) => void): AbortSignal {
  const it = signal as Guarded
  if (it[GUARD]) return signal
  it[GUARD] = { add: it.addEventListener, remove: it.removeEventListener, onFailure, handler: null }
  it.addEventListener = addGuarded
  it.removeEventListener = removeGuarded
  Object.defineProperty(it, 'onabort', ONABORT)
  return signal
}

/** What a guarded signal knows. One object for each: every call of a driver makes a signal, and closures would add up. */
interface Guard {
  readonly add: AbortSignal['addEventListener']
  readonly remove: AbortSignal['removeEventListener']
  readonly onFailure: (error: unknown) => void
  handler: AbortSignal['onabort']
  guards?: WeakMap<object, (event: Event) => void>
  /** Calls `onabort`; a listener of its own, since the same function may have been added as one too. */
  handle?: (event: Event) => unknown
}

const GUARD = Symbol('msc.guard')
type Guarded = AbortSignal & { [GUARD]: Guard }

const ONABORT: PropertyDescriptor & ThisType<Guarded> = {
  configurable: true,
  get() {
    return this[GUARD].handler
  },
  set(handler: AbortSignal['onabort']) {
    const guard = this[GUARD]
    guard.handler = handler
    guard.handle ??= (event) => guard.handler?.call(this, event)
    if (typeof handler === 'function') this.addEventListener('abort', guard.handle)
    else this.removeEventListener('abort', guard.handle)
  },
}

function addGuarded(
  this: unknown,
  type: string,
  listener: Listener | null,
  options?: AddEventListenerOptions | boolean,
): void {
  const signal = this as Guarded
  signal[GUARD].add.call(signal, type, (listener && guardOf(signal, listener)) as Listener, options)
}

function removeGuarded(
  this: unknown,
  type: string,
  listener: Listener | null,
  options?: EventListenerOptions | boolean,
): void {
  const signal = this as Guarded
  const guard = (listener && signal[GUARD].guards?.get(listener)) ?? listener
  signal[GUARD].remove.call(signal, type, guard as Listener, options)
}

function guardOf(signal: Guarded, listener: Listener): (event: Event) => void {
  const { onFailure } = signal[GUARD]
  const guards = (signal[GUARD].guards ??= new WeakMap())
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
