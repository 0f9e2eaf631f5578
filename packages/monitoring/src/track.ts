import { isInstance, isObject, property } from './event/safe-read.ts'

type Report = (error: unknown) => void

/**
 * Wraps `fn` so that an error that it throws or rejects with is reported and thrown again unchanged. Works for sync and
 * async functions and async generators, and keeps `this`. The owner of a promise still decides whether its rejection is
 * handled; an unhandled one ends the process as it would without this wrapper:
 *
 * - The promise that an `async` function has just made is replaced by another one that settles in the same way, since
 *   nothing else can have a reference to it. Its failure is reported even if nothing awaits it.
 * - Every other result is returned as the same object, and its failure is reported when a caller awaits it or calls its
 *   `then`. A thenable that is not a promise, such as a query that runs when it is awaited, is not started here. A frozen or
 *   hostile object is returned unchanged, and its failure is not reported.
 */
export function trackErrors<Args extends unknown[], Result>(
  report: Report,
  fn: (...args: Args) => Result,
): (...args: Args) => Result {
  const isAsync = isInstance(fn, AsyncFunction)
  return function tracked(this: unknown, ...args: Args): Result {
    let result: Result
    try {
      result = fn.apply(this, args)
    } catch (error) {
      report(error)
      throw error
    }
    return observed(result, isAsync, report)
  }
}

/** The constructor of async functions, each call of which returns a promise that nothing else has a reference to. */
const AsyncFunction = (async () => {}).constructor as FunctionConstructor
const { next, throw: raise, return: end } = Object.getPrototypeOf(async function* () {}).prototype as AsyncGenerator
/** The methods of async generators, whose promises are new in the same way. */
const GENERATOR_STEPS: ReadonlySet<unknown> = new Set([next, raise, end])

/** Returns the result, or its replacement, set up to report its failure. Never throws. */
function observed<T>(result: T, isFresh: boolean, report: Report): T {
  try {
    if (!isObject(result)) return result
    const isPromise = isNativePromise(result)
    if (isPromise && isFresh) return derived(result, report) as unknown as T
    if (isPromise) askItsThen(result)
    if (typeof property(result, 'then') === 'function') listen(result, 'then', watchedThen, report)
    else if (isAsyncIterator(result)) {
      for (const name of ['next', 'throw', 'return']) listen(result, name, watchedStep, report)
    }
  } catch {
    // A proxy throws when it is inspected.
  }
  return result
}

function isNativePromise(value: object): value is Promise<unknown> {
  return (
    isInstance(value, Promise) &&
    Object.getPrototypeOf(value) === Promise.prototype &&
    property(value, 'constructor') === Promise &&
    property(value, 'then') === Promise.prototype.then
  )
}

/** Derives a promise: a listener on the first would mark it as handled, and an unawaited rejection would go unnoticed. */
function derived(first: Promise<unknown>, report: Report): Promise<unknown> {
  return first.then(undefined, (error: unknown) => {
    report(error)
    throw error
  })
}

/**
 * Makes `await` call the patched `then` of a promise: it bypasses `then` only for promises whose `constructor` is `Promise`.
 * `then` still returns native promises, because the new constructor has no species.
 *
 * Source: ECMA-262, PromiseResolve and SpeciesConstructor.
 */
function askItsThen(promise: Promise<unknown>): void {
  Object.defineProperty(promise, 'constructor', { value: WATCHED, configurable: true, writable: true })
}

const WATCHED = Object.freeze({})

function isAsyncIterator(value: object): boolean {
  return typeof property(value, Symbol.asyncIterator) === 'function' && typeof property(value, 'next') === 'function'
}

type Method = (this: unknown, ...args: unknown[]) => unknown

/** Wraps a method so that a failure is reported before its caller gets it. */
type Watched = (method: Method, report: Report) => Method

const watchedThen: Watched = (method, report) =>
  function then(this: unknown, onFulfilled, onRejected, ...rest) {
    const rejected = (error: unknown): unknown => {
      report(error)
      if (typeof onRejected === 'function') return (onRejected as Method)(error)
      throw error
    }
    return Reflect.apply(method, this, [onFulfilled, rejected, ...rest])
  }

const watchedStep: Watched = (method, report) =>
  function step(this: unknown, ...args) {
    return observed(Reflect.apply(method, this, args), GENERATOR_STEPS.has(method), report)
  }

/** The reports to call, each with the last error: a promise that is awaited twice is reported once. */
type Reports = Map<Report, unknown>

/** The number of reports to keep for one object, which may be returned repeatedly by functions that are wrapped anew. */
const MAX_REPORTS = 10

/** The reports by object, so that an object that is returned repeatedly gets one wrapped method. */
const listeners = new WeakMap<object, Map<string, Reports>>()

/**
 * Replaces a method on the object itself, because a proxy would break private members, identity and frozen properties.
 * Does nothing if the method can't be replaced.
 */
function listen(target: object, name: string, watched: Watched, report: Report): void {
  const known = listeners.get(target)?.get(name)
  if (known) {
    if (known.size < MAX_REPORTS && !known.has(report)) known.set(report, listeners)
    return
  }
  const method = property(target, name)
  const own = Object.getOwnPropertyDescriptor(target, name)
  // An accessor may return a different function each time, so it is not replaced.
  if (typeof method !== 'function' || (own && !('value' in own))) return
  // `listeners` stands for "no last error", because no one throws it.
  const reports: Reports = new Map([[report, listeners]])
  const value = watched(method as Method, (error) => {
    for (const [each, last] of reports) {
      if (error === last) continue
      reports.set(each, error)
      each(error)
    }
  })
  const put = Reflect.defineProperty(target, name, {
    value,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable === true,
  })
  if (!put) return
  const byName = listeners.get(target) ?? new Map<string, Reports>()
  listeners.set(target, byName.set(name, reports))
}
