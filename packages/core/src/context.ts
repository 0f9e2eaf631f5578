import { formatTraceparent, newTrace, parseTraceparent, type TraceContext } from './trace.ts'

/** What travels with a unit of work: browser click → request → cache → job → step → realtime message → browser. */
export interface Context {
  readonly trace: TraceContext
  readonly userId?: string
}

/** A {@link Context} as plain strings, to put into an event, a message or a row. */
export interface Carrier {
  readonly traceparent: string
  readonly userId?: string
}

interface ContextStorage {
  getStore(): Context | undefined
  run<T>(context: Context, fn: () => T): T
}

interface Globals {
  AsyncLocalStorage?: new () => ContextStorage
  process?: { getBuiltinModule?: (id: string) => { AsyncLocalStorage?: new () => ContextStorage } | undefined }
}

/**
 * Where there is no AsyncLocalStorage (browsers), the context covers the synchronous part of `fn` only;
 * code that goes on after an `await` takes a `carrier()` with it.
 */
class SyncStorage implements ContextStorage {
  #current: Context | undefined
  getStore(): Context | undefined {
    return this.#current
  }
  run<T>(context: Context, fn: () => T): T {
    const outer = this.#current
    this.#current = context
    try {
      return fn()
    } finally {
      this.#current = outer
    }
  }
}

// On globalThis because a bundler may include this module several times, and all copies must see one context.
const KEY = Symbol.for('@msc/core/context')

function storage(): ContextStorage {
  const globals = globalThis as Globals & { [KEY]?: ContextStorage }
  return (globals[KEY] ??= createStorage(globals))
}

function createStorage(globals: Globals): ContextStorage {
  // The edge runtime and workers expose it globally; Node hands it out without an import that would break browsers.
  const Als = globals.AsyncLocalStorage ?? globals.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
  return Als ? new Als() : new SyncStorage()
}

/** The context of the running unit of work, if any. */
export function currentContext(): Context | undefined {
  return storage().getStore()
}

/** Runs `fn` in `context`. */
export function withContext<T>(context: Context, fn: () => T): T {
  return storage().run(context, fn)
}

/** The running context for another process or a later time; a new trace where there is none. */
export function carrier(): Carrier {
  const context = currentContext()
  const traceparent = formatTraceparent(context?.trace ?? newTrace())
  return context?.userId === undefined ? { traceparent } : { traceparent, userId: context.userId }
}

/**
 * Runs `fn` as a child of what `carrier()` returned elsewhere. A missing or malformed carrier starts a new trace:
 * it came over a wire, so it is never a reason to fail.
 */
export function withCarrier<T>(from: Partial<Carrier> | null | undefined, fn: () => T): T {
  const trace = newTrace(parseTraceparent(from?.traceparent))
  return withContext(typeof from?.userId === 'string' ? { trace, userId: from.userId } : { trace }, fn)
}
