import { createScope, forkScope, type Scope } from './scope.ts'
import { processSlot } from '../slot.ts'
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

/** What runs now: both are there, either, or neither. */
interface Running {
  readonly context?: Context | undefined
  readonly scope?: Scope | undefined
  /** Whose callbacks this runs inside of: the innermost, and those around it. */
  readonly told?: Told | undefined
}

interface Told {
  /** `undefined` where this is no callback, but what a delivery does on its own account. */
  readonly listener: object | undefined
  readonly outer: Told | undefined
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
 * Where there is no AsyncLocalStorage (browsers), the context covers the synchronous part of `fn` only;
 * code that goes on after an `await` takes a `carrier()` with it.
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

// The slot is filled once and never again, so each copy of this module may remember it: every cache read asks.
let shared: RunningStorage | undefined

function storage(): RunningStorage {
  return (shared ??= processSlot('core/context', createStorage))
}

function createStorage(): RunningStorage {
  const globals = globalThis as Globals
  // The edge runtime and workers expose it globally; Node hands it out without an import that would break browsers.
  const Als = globals.AsyncLocalStorage ?? globals.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
  return Als ? new Als() : createSyncStorage()
}

// Written out: an object that others are spread into costs ten times as much, and telemetry pays it for each call.
function runWith<T>({ context, scope, told }: Running, fn: () => T): T {
  const all = storage()
  const now = all.getStore()
  return all.run({ context: context ?? now?.context, scope: scope ?? now?.scope, told: told ?? now?.told }, fn)
}

/** The context of the running unit of work, if any. */
export function currentContext(): Context | undefined {
  return storage().getStore()?.context
}

/** Runs `fn` in `context`. The scope stays the one that was running: a span of a unit is still that unit. */
export function withContext<T>(context: Context, fn: () => T): T {
  return runWith({ context }, fn)
}

/** The scope of the running unit of work, if one was opened. */
export function currentScope(): Scope | undefined {
  return storage().getStore()?.scope
}

/** The scope of what runs in no unit of work: a script, a worker's own code, a page. */
export function processScope(): Scope {
  return processSlot('core/scope', createScope)
}

export interface ScopeOptions {
  /**
   * Start with nothing, as a request or a run of a job does, instead of with what the surrounding unit knows. Default
   * false.
   */
  readonly isolated?: boolean
}

/**
 * Runs `fn` as a unit of work with a scope of its own: what it learns (`setUser`, tags, breadcrumbs) stays in it, and
 * two that run at once never see each other's. It starts with what the surrounding unit knows; outside of any, with the
 * process's user and tags, but not with its breadcrumbs, which belong to nobody in particular.
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

/** `fn` as a unit of work of its own, in `context`: what a request, a run or a message is. See {@link withScope}. */
export function withUnit<T>(context: Context, fn: () => T): T {
  return runWith({ context, scope: createScope() }, fn)
}

/**
 * Runs `fn` outside of any unit of work, and with it everything that it begins: a connection, a timer, a loop. What
 * lives longer than the request that needed it first must not carry that request's user, nor keep its scope in memory.
 */
export function withoutScope<T>(fn: () => T): T {
  return storage().run({}, fn)
}

/** Runs what a delivery does on its own account: it tells of a failure, a loss, a breaker. See {@link isOfDelivery}. */
export function ofDelivery<T>(fn: () => T): T {
  return runWith({ told: { listener: undefined, outer: storage().getStore()?.told } }, fn)
}

/** Is this what somebody does who was told of a delivery? Nobody but the delivery itself made it happen. */
export function isOfDelivery(): boolean {
  for (let told = storage().getStore()?.told; told; told = told.outer) if (!told.listener) return true
  return false
}

/**
 * Runs a callback of `listener`, unless this happens because of one that was run before: it would be told of its own
 * doing, and of that again, for ever; or unless it happens because of four others, each because of the next. What
 * a callback sets going is its doing too; where there is no AsyncLocalStorage, only until it returns.
 *
 * @returns What the callback returned, else what `otherwise` did.
 */
export function tell<T>(listener: object, callback: () => T, otherwise?: () => T): T | undefined {
  const outer = storage().getStore()?.told
  // Many who all do what others are told of would be told in every order.
  for (let told = outer, left = 4; told; told = told.outer)
    if (told.listener && (told.listener === listener || !--left)) return otherwise?.()
  return runWith({ told: { listener, outer } }, callback)
}

/** The running context for another process or a later time; a new trace where there is none. */
export function carrier(): Carrier {
  const context = currentContext()
  const traceparent = formatTraceparent(context?.trace ?? newTrace())
  return context?.userId === undefined ? { traceparent } : { traceparent, userId: context.userId }
}

/**
 * Runs `fn` as a child of what `carrier()` returned elsewhere, and as a unit of work of its own. A missing or malformed
 * carrier starts a new trace: it came over a wire, so it is never a reason to fail.
 */
export function withCarrier<T>(from: Partial<Carrier> | null | undefined, fn: () => T): T {
  const trace = newTrace(parseTraceparent(from?.traceparent))
  return withUnit(typeof from?.userId === 'string' ? { trace, userId: from.userId } : { trace }, fn)
}
