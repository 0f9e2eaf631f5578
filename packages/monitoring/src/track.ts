import { attempt, isInstance, isObject, property } from './safe-read.ts'

type Report = (error: unknown) => void

/**
 * `fn`, reporting what it throws or rejects with, then throwing on exactly that. Works for sync and async functions and
 * async generators and keeps `this`. What `fn` returned comes back as the very same object: a thenable that is no promise,
 * such as a query that runs when it is awaited, is not started here, and an object that can't be listened to, because it
 * is frozen or hostile, comes back untouched and unheard.
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
    attempt(() => listenTo(result, report))
    return result
  }
}

function listenTo(result: unknown, report: Report): void {
  if (!isObject(result)) return
  const then = property(result, 'then')
  if (isInstance(result, Promise) && then === Promise.prototype.then) {
    // A branch of its own: whether anybody handles the promise itself is decided as without us.
    result.then(undefined, report)
    return
  }
  if (typeof then === 'function') listen(result, 'then', watchedThen, report)
  else if (isAsyncIterator(result)) {
    for (const name of ['next', 'throw', 'return']) listen(result, name, watchedStep, report)
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
    const heard = (error: unknown): unknown => {
      report(error)
      if (typeof onRejected === 'function') return (onRejected as Method)(error)
      throw error
    }
    return Reflect.apply(method, this, [onFulfilled, heard, ...rest])
  }

const watchedStep: Watched = (method, report) =>
  function step(this: unknown, ...args) {
    const result = Reflect.apply(method, this, args)
    attempt(() => {
      if (isInstance(result, Promise)) result.then(undefined, report)
    })
    return result
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
