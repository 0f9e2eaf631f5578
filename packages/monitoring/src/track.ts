import { isInstance, isObject, property } from './event/safe-read.ts'

type Report = (error: unknown) => void

/**
 * `fn`, reporting what it throws or rejects with, then throwing on exactly that. Works for sync and async functions and
 * async generators and keeps `this`. Whether a rejection is handled stays the business of whoever has the promise, so
 * that one which nobody handles ends the process as without us:
 *
 * - For the promise that an `async` function has just made, another one comes back, which settles as it does: nobody else
 *   can have it. Its failure is reported whether or not anybody awaits.
 * - Everything else comes back as the very same object, and is heard where somebody awaits it or calls its `then`; a
 *   thenable that is no promise, such as a query that runs when it is awaited, is not started here. An object that can't
 *   be listened to, because it is frozen or hostile, comes back untouched and unheard.
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
    return heard(result, isAsync, report)
  }
}

/** Each call of one makes a promise that nobody else has. */
const AsyncFunction = (async () => {}).constructor as FunctionConstructor
const { next, throw: raise, return: end } = Object.getPrototypeOf(async function* () {}).prototype as AsyncGenerator
/** So does each call of these. */
const GENERATOR_STEPS: ReadonlySet<unknown> = new Set([next, raise, end])

/** What stands for `result` where it was returned: it tells of its failure first. Never throws. */
function heard<T>(result: T, isFresh: boolean, report: Report): T {
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
    // A proxy that refuses to be looked at.
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

/** To listen on the first and hand it back would count as handling it, and a rejection that nobody awaits would go unseen. */
function derived(first: Promise<unknown>, report: Report): Promise<unknown> {
  return first.then(undefined, (error: unknown) => {
    report(error)
    throw error
  })
}

/**
 * `await` looks into a promise whose `constructor` is `Promise`, and calls the `then` of everything else: so it calls ours.
 * What `then` makes stays a promise of the language, as no species is named.
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
    return heard(Reflect.apply(method, this, args), GENERATOR_STEPS.has(method), report)
  }

/** Who listens, with what each was told last: a promise that is awaited twice fails once. */
type Reports = Map<Report, unknown>

/** One that is returned again and again, by functions that were wrapped each time, must not remember them all. */
const MAX_REPORTS = 10

/** By its object: what is returned again and again is given one method, not one more each time. */
const listeners = new WeakMap<object, Map<string, Reports>>()

/**
 * Puts a method of its own on the object, which stays itself: a proxy would break private members, identity and what is
 * frozen. Does nothing where a method can't be put.
 */
function listen(target: object, name: string, watched: Watched, report: Report): void {
  const known = listeners.get(target)?.get(name)
  if (known) {
    if (known.size < MAX_REPORTS && !known.has(report)) known.set(report, listeners)
    return
  }
  const method = property(target, name)
  const own = Object.getOwnPropertyDescriptor(target, name)
  // An accessor may answer differently each time; nothing stands for it.
  if (typeof method !== 'function' || (own && !('value' in own))) return
  // What was told last is something that nobody throws.
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
