import { createScope, forkScope, type Scope } from './scope.ts'
import { processSlot } from '../slot.ts'
import { formatTraceparent, newTrace, parseTraceparent, type TraceContext } from './trace.ts'

/** The context that travels with a unit of work: browser click → request → cache → job → step → realtime message → browser. */
export interface Context {
  readonly trace: TraceContext
  readonly userId?: string
}

/** A {@link Context} as plain strings, for an event, a message or a row. */
export interface Carrier {
  readonly traceparent: string
  readonly userId?: string
}

/** The state of the code that is running. Any of the fields may be missing. */
interface Running {
  readonly context?: Context | undefined
  readonly scope?: Scope | undefined
  /** The callback that this runs in, with those around it. */
  readonly within?: Callback | undefined
}

interface Callback {
  /** `undefined` when this is not a callback but a delivery's own report. */
  readonly listener: object | undefined
  readonly outer: Callback | undefined
}

interface RunningStorage {
  getStore(): Running | undefined
  run<T>(running: Running, fn: () => T): T
}

interface Globals {
  AsyncLocalStorage?: new () => RunningStorage
  process?: { getBuiltinModule?: (id: string) => { AsyncLocalStorage?: new () => RunningStorage } | undefined }
}

/**
 * A fallback for browsers, which lack AsyncLocalStorage: the context covers only the synchronous part of `fn`. Code after
 * an `await` needs a `carrier()`.
 */
function createSyncStorage(): RunningStorage {
  let current: Running | undefined
  return {
    getStore: () => current,
    run(running, fn) {
      const outer = current
      current = running
      try {
        return fn()
      } finally {
        current = outer
      }
    },
  }
}

// The slot never changes once it is filled, so each copy of this module keeps it: every cache read needs it.
let shared: RunningStorage | undefined

function storage(): RunningStorage {
  return (shared ??= processSlot('core/context', createStorage))
}

function createStorage(): RunningStorage {
  const globals = globalThis as Globals
  // Edge runtimes and workers expose it globally. `getBuiltinModule` gets it from Node without an import that would break
  // browsers.
  const Als = globals.AsyncLocalStorage ?? globals.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
  return Als ? new Als() : createSyncStorage()
}

// Written out because object spread costs ten times as much, and telemetry runs this on each call.
function runWith<T>({ context, scope, within }: Running, fn: () => T): T {
  const all = storage()
  const now = all.getStore()
  return all.run({ context: context ?? now?.context, scope: scope ?? now?.scope, within: within ?? now?.within }, fn)
}

/** Returns the context of the running unit of work, if any. */
export function currentContext(): Context | undefined {
  return storage().getStore()?.context
}

/** Runs `fn` in `context`. The scope stays the same, since a span belongs to the unit of work around it. */
export function withContext<T>(context: Context, fn: () => T): T {
  return runWith({ context }, fn)
}

/** Returns the scope of the running unit of work, if any. */
export function currentScope(): Scope | undefined {
  return storage().getStore()?.scope
}

/** Returns the scope of code that runs outside any unit of work: a script, a worker's own code, a page. */
export function processScope(): Scope {
  return processSlot('core/scope', createScope)
}

export interface ScopeOptions {
  /**
   * Starts with an empty scope, as a request or a job's run does, instead of a copy of the surrounding scope. Default
   * false.
   */
  readonly isolated?: boolean
}

/**
 * Runs `fn` as a unit of work with a scope of its own: its user, tags and breadcrumbs stay in it, and units that run at
 * the same time never see each other's. It starts with a copy of the surrounding scope. Outside any unit it starts with
 * the process's user and tags, but without its breadcrumbs, which belong to no unit in particular.
 *
 * @example
 * await Promise.all(payouts.map((payout) => withScope(async () => { setUser(payout.artist); await pay(payout) })))
 */
export function withScope<T>(fn: (scope: Scope) => T, options: ScopeOptions = {}): T {
  const scope = options.isolated ? createScope() : forked(currentScope())
  return runWith({ scope }, () => fn(scope))
}

function forked(parent: Scope | undefined): Scope {
  if (parent) return forkScope(parent)
  const { user, tags } = processScope()
  return forkScope({ user, tags, breadcrumbs: [] })
}

/** Runs `fn` in `context` as a unit of work of its own, such as a request, a run or a message. See {@link withScope}. */
export function withUnit<T>(context: Context, fn: () => T): T {
  return runWith({ context, scope: createScope() }, fn)
}

/**
 * Runs `fn`, and everything that it starts (a connection, a timer, a loop), outside any unit of work. A resource that
 * outlives the request that first needed it must not carry that request's user or keep its scope in memory.
 */
export function withoutScope<T>(fn: () => T): T {
  return storage().run({}, fn)
}

/** Runs a delivery's own report of a failure, a loss or its breaker. See {@link isInDeliveryReport}. */
export function inDeliveryReport<T>(fn: () => T): T {
  return runWith({ within: { listener: undefined, outer: storage().getStore()?.within } }, fn)
}

/** Says whether the running code was started by a delivery's report: nothing but the delivery itself caused it. */
export function isInDeliveryReport(): boolean {
  for (let each = storage().getStore()?.within; each; each = each.outer) if (!each.listener) return true
  return false
}

/**
 * Runs a callback of `listener`, unless an earlier callback of the same listener caused it, which could go on forever,
 * or four callbacks of others did, each caused by the one before. Everything that a callback starts counts as caused by
 * it; without AsyncLocalStorage, only until it returns.
 *
 * @returns The result of the callback, or that of `otherwise` if the callback was not run.
 */
export function notify<T>(listener: object, callback: () => T, otherwise?: () => T): T | undefined {
  const outer = storage().getStore()?.within
  // Without the limit of four, many listeners that trigger each other would run in every possible order.
  for (let each = outer, left = 4; each; each = each.outer)
    if (each.listener && (each.listener === listener || !--left)) return otherwise?.()
  return runWith({ within: { listener, outer } }, callback)
}

/** Returns the running context for use in another process or at a later time. Without one, starts a new trace. */
export function carrier(): Carrier {
  const context = currentContext()
  const traceparent = formatTraceparent(context?.trace ?? newTrace())
  return context?.userId === undefined ? { traceparent } : { traceparent, userId: context.userId }
}

/**
 * Runs `fn` as a unit of work of its own, in a child span of the context that `carrier()` returned elsewhere. A missing or
 * malformed carrier starts a new trace and is never an error, because it came over the wire.
 */
export function withCarrier<T>(from: Partial<Carrier> | null | undefined, fn: () => T): T {
  const trace = newTrace(parseTraceparent(from?.traceparent))
  return withUnit(typeof from?.userId === 'string' ? { trace, userId: from.userId } : { trace }, fn)
}
