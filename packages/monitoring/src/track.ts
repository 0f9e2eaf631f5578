type Report = (error: unknown) => void

/**
 * `fn`, reporting what it throws or rejects with, then throwing on exactly that. Works for sync and async functions and
 * async generators and keeps `this`. A thenable that is no promise, such as a query that runs when it is awaited, comes
 * back as itself: it is not started here.
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
    return watch(result, report)
  }
}

function watch<Result>(result: Result, report: Report): Result {
  if (result instanceof Promise) {
    // A branch of its own: the caller gets the very promise, and handles its rejection or not, as without us.
    result.then(undefined, report)
    return result
  }
  if (typeof result !== 'object' || result === null) return result
  if (Symbol.asyncIterator in result && 'next' in result)
    return watchMethods(result, ['next', 'throw', 'return'], report)
  if (typeof (result as { then?: unknown }).then === 'function') return watchThenable(result, report)
  return result
}

type Method = (...args: unknown[]) => unknown

/** The same iterator, with the promises of its methods watched. */
function watchMethods<T extends object>(target: T, names: readonly PropertyKey[], report: Report): T {
  return intercept(target, (name, method, self) => {
    // A loop asks the iterator for its iterator, and must get the watched one.
    if (name === Symbol.asyncIterator) return () => self
    if (!names.includes(name)) return undefined
    return (...args) => {
      const result = method(...args)
      if (result instanceof Promise) result.then(undefined, report)
      return result
    }
  })
}

/** The same object; its `then` reports a rejection before whoever awaits it hears of it. */
function watchThenable<T extends object>(target: T, report: Report): T {
  return intercept(target, (name, method) =>
    name === 'then'
      ? (onFulfilled, onRejected) =>
          method(onFulfilled, (error: unknown) => {
            report(error)
            if (typeof onRejected === 'function') return (onRejected as Method)(error)
            throw error
          })
      : undefined,
  )
}

function intercept<T extends object>(
  target: T,
  replace: (name: PropertyKey, method: Method, self: T) => Method | undefined,
): T {
  const self: T = new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object)
      if (typeof value !== 'function') return value
      const method: Method = (value as Method).bind(object)
      return replace(name, method, self) ?? method
    },
  })
  return self
}
