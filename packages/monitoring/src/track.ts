import { isInstance, isObject, property } from './safe-read.ts'

type Report = (error: unknown) => void

/**
 * `fn`, reporting what it throws or rejects with, then throwing on exactly that. Works for sync and async functions and
 * async generators and keeps `this`.
 *
 * For a promise of the language another one comes back, the same one each time, which settles as the first did: only so
 * does a rejection that nobody handles stay unhandled, and end the process as without us. Members that were put on the
 * promise are there, and are those of the first. Everything else comes back as the very same object: a thenable that is
 * no promise, such as a query that runs when it is awaited, is not started here, and an object that can't be listened
 * to, because it is frozen or hostile, comes back untouched and unheard.
 */
export function trackErrors<Args extends unknown[], Result>(
  report: Report,
  fn: (...args: Args) => Result,
): (...args: Args) => Result {
  return function tracked(this: unknown, ...args: Args): Result {
    let result: Result
    try {
      result = fn.apply(this, args)
    } catch (error) {
      report(error)
      throw error
    }
    return heard(result, report)
  }
}

/** What stands for `result` where it was returned: it tells of its failure first. Never throws. */
function heard<T>(result: T, report: Report): T {
  try {
    if (!isObject(result)) return result
    if (isNativePromise(result)) return derived(result, report) as unknown as T
    const then = property(result, 'then')
    if (typeof then === 'function') listen(result, 'then', watchedThen, report)
    else if (isAsyncIterator(result)) {
      for (const name of ['next', 'throw', 'return']) listen(result, name, watchedStep, report)
    }
  } catch {
    // A proxy that refuses to be looked at.
  }
  return result
}

/** `await` reads the slots of such a promise, never a `then` of its own; of a subclass it calls `then`. */
function isNativePromise(value: object): value is Promise<unknown> {
  return (
    isInstance(value, Promise) &&
    Object.getPrototypeOf(value) === Promise.prototype &&
    property(value, 'constructor') === Promise &&
    property(value, 'then') === Promise.prototype.then
  )
}

interface Derived {
  readonly promise: Promise<unknown>
  readonly reports: Set<Report>
}

/** By the promise it is derived from: who asks twice must not get a second one, which nobody may handle. */
const deriveds = new WeakMap<Promise<unknown>, Derived>()
/** Those of ours, so that what one tracked function takes from another is not derived again. */
const reportsOf = new WeakMap<Promise<unknown>, Set<Report>>()

/**
 * A promise that settles as `original` does, once its failure is told. To listen on `original` and hand it back would
 * count as handling it, and a rejection that nobody awaits would go unseen.
 */
function derived(original: Promise<unknown>, report: Report): Promise<unknown> {
  const ours = reportsOf.get(original)
  if (ours) {
    ours.add(report)
    return original
  }
  const known = deriveds.get(original)
  if (known) {
    known.reports.add(report)
    return known.promise
  }
  const reports = new Set([report])
  const promise = original.then(undefined, (error: unknown) => {
    for (const each of reports) each(error)
    throw error
  })
  lendMembers(original, promise)
  deriveds.set(original, { promise, reports })
  reportsOf.set(promise, reports)
  return promise
}

/** A `cancel`, or the `status` that React keeps on a promise, stays one state however it is reached. */
function lendMembers(from: Promise<unknown>, to: Promise<unknown>): void {
  for (const name of Reflect.ownKeys(from)) {
    if (Object.hasOwn(to, name)) continue
    Object.defineProperty(to, name, {
      get: () => Reflect.get(from, name) as unknown,
      set(value: unknown) {
        Reflect.set(from, name, value)
      },
      enumerable: Object.prototype.propertyIsEnumerable.call(from, name),
      configurable: true,
    })
  }
}

function isAsyncIterator(value: object): boolean {
  return typeof property(value, Symbol.asyncIterator) === 'function' && typeof property(value, 'next') === 'function'
}

type Method = (this: unknown, ...args: unknown[]) => unknown

/** A method that hears a failure before whoever called it does. `report` is read at each call. */
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
    return heard(Reflect.apply(method, this, args), report)
  }

/** Who listens to a method, by its object: one that is returned again and again is given one method, not one more each time. */
const listeners = new WeakMap<object, Map<string, Set<Report>>>()

/**
 * Puts a method of its own on the object, which stays itself: a proxy would break private members, identity and what is
 * frozen. Does nothing where a method can't be put.
 */
function listen(target: object, name: string, watched: Watched, report: Report): void {
  const known = listeners.get(target)?.get(name)
  if (known) {
    known.add(report)
    return
  }
  const method = property(target, name)
  const own = Object.getOwnPropertyDescriptor(target, name)
  // An accessor may answer differently each time; nothing stands for it.
  if (typeof method !== 'function' || (own && !('value' in own))) return
  const reports = new Set([report])
  const value = watched(method as Method, (error) => {
    for (const each of reports) each(error)
  })
  const put = Reflect.defineProperty(target, name, {
    value,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable === true,
  })
  if (!put) return
  const byName = listeners.get(target) ?? new Map<string, Set<Report>>()
  listeners.set(target, byName.set(name, reports))
}
