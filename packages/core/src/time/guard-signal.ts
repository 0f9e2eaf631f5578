import { failureSlot, type GuardedCall } from '../errors/failure-slot.ts'
import { reportFailure, runGuarded } from '../errors/failures.ts'

type Listener = EventListenerOrEventListenerObject

/**
 * Makes a signal safe to pass to the application's code: an error that an abort listener throws or rejects with goes to
 * `onFailure`. Otherwise Node ends the process when a listener throws, and a `try` around `abort()` does not catch it.
 * Returns the same signal; one that is already guarded keeps its first guard. Signals derived from it
 * (`AbortSignal.any`) are not guarded.
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

/** The state of a guarded signal. One object per signal instead of closures, because every driver call makes a signal. */
interface Guard {
  readonly add: AbortSignal['addEventListener']
  readonly remove: AbortSignal['removeEventListener']
  readonly onFailure: (error: unknown) => void
  handler: AbortSignal['onabort']
  guards?: WeakMap<object, (event: Event) => void>
  /** Calls `onabort`. A separate listener, since the same function may have been added with `addEventListener` too. */
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
      // The platform calls a function with the target as `this`, and an object through `handleEvent`.
      if (typeof listener === 'function') return listener.call(signal, event) as unknown
      return listener.handleEvent(event) as unknown
    }, onFailure)
  guards.set(listener, guard)
  return guard
}

/** Splits `[msc/cache] [redis] get` into the concern `cache` and the operation `get`. */
const PREFIX = /^(?:\[msc\/(\w+)\] )?(?:\[[^\]]*\] )*/

/**
 * From now on, guards the signal of every call with a deadline, since drivers and ports may be the application's code.
 * `createBreaker`, `createService` and servers call this. Page-only code does without it to save bytes, since a listener
 * that throws does not end a page. Call it yourself before using a bare `deadline` on a server.
 */
export function guardSignals(): void {
  failureSlot().guard ??= (signal, { operation, concern, report }) =>
    guardSignal(signal, (error) => {
      const [prefix = '', named = 'core'] = PREFIX.exec(operation) ?? []
      const what = operation.slice(prefix.length)
      if (report) report(error, what)
      else reportFailure(error, { concern: concern ?? named, operation: what })
    })
}

/** Guards the signal that a call passes to a driver or a port, if {@link guardSignals} was called. */
export function guarded(signal: AbortSignal, call: GuardedCall): AbortSignal {
  return failureSlot().guard?.(signal, call) ?? signal
}
