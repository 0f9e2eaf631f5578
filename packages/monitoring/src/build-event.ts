import { currentContext, currentScope, processScope, type Scope } from '@msc/core'
import { mergeBreadcrumbs } from './breadcrumbs.ts'
import type { CaptureContext } from './create-monitoring.ts'
import { fingerprintOf } from './fingerprint.ts'
import { parseStack } from './frames.ts'
import type { Breadcrumb, ErrorSignal, ErrorValue, Level, MessageSignal, MonitoredUser } from './signals.ts'
import { errorValues } from './thrown.ts'

/** Cleans any value: see `createRedactor`. */
type Clean = <T>(value: T) => T

export interface BuildOptions {
  readonly clean: Clean
  readonly maxBreadcrumbs: number
  readonly release: string | undefined
  readonly environment: string | undefined
}

export interface Captured {
  readonly id: string
  readonly kind: 'error' | 'message'
  /** What was thrown, or the message. */
  readonly what: unknown
  readonly level: Level
  /** Milliseconds since the epoch, where the context does not say. */
  readonly now: number
  readonly context: CaptureContext
}

/**
 * What is known of an error or a message, redacted, as a signal. A part that can't be read becomes `[unreadable]`: the
 * event itself always arrives.
 */
export function buildEvent(captured: Captured, options: BuildOptions): ErrorSignal | MessageSignal {
  const { id, kind, what, context } = captured
  const { clean, release, environment, maxBreadcrumbs } = options
  const running = currentContext()
  const scope = currentScope() ?? processScope()
  const thrown = kind === 'error' ? errorValues(what, clean) : undefined
  // One call, so that one budget holds for the whole event; breadcrumbs were cleaned when they were added.
  const safe = clean({
    message: thrown ? undefined : attempt(() => String(what)),
    errors: thrown,
    tags: attempt(() => tagsOf(what, scope, context.tags)),
    extra: context.extra ?? {},
    user: attempt(() => userOf(scope, context.user, running?.userId)),
    fingerprint: context.fingerprint,
    breadcrumbs: context.breadcrumbs,
  })
  const errors = thrown && withFrames(safe.errors)
  const message = errors ? errors[0].message : textOf(safe.message)
  const name = errors ? errors[0].name : 'Message'
  const base = {
    id,
    timestamp: context.timestamp ?? captured.now,
    level: context.level ?? captured.level,
    message,
    tags: recordOf<string>(safe.tags),
    extra: recordOf(safe.extra),
    ...(isUser(safe.user) && { user: safe.user }),
    ...(running && { traceId: running.trace.traceId, spanId: running.trace.spanId }),
    fingerprint:
      context.fingerprint === undefined
        ? fingerprintOf({ name, message, frames: errors?.[0].frames ?? [] })
        : textOf(safe.fingerprint),
    fingerprintChosen: context.fingerprint !== undefined,
    ...(release !== undefined && { release }),
    ...(environment !== undefined && { environment }),
    breadcrumbs: breadcrumbsOf(scope, safe.breadcrumbs, maxBreadcrumbs),
  }
  return errors ? { ...base, kind: 'error', errors, handled: context.handled ?? true } : { ...base, kind: 'message' }
}

/** Read from the cleaned stack, so that no secret of a path or an address comes back by way of a frame. */
function withFrames(errors: unknown): [ErrorValue, ...ErrorValue[]] {
  const values = Array.isArray(errors) ? (errors as ErrorValue[]) : []
  const framed = values.map((value) => ({ ...value, frames: parseStack(value.stack) }))
  const [first = UNREADABLE, ...rest] = framed
  return [first, ...rest]
}

const UNREADABLE: ErrorValue = { name: 'Error', message: '[unreadable]', frames: [], id: 0 }

function breadcrumbsOf(scope: Scope, given: unknown, max: number): readonly Breadcrumb[] {
  const known = scope.breadcrumbs.slice(-max)
  return Array.isArray(given) ? mergeBreadcrumbs(known, given as Breadcrumb[], max) : known
}

/** Said of this event, else by the unit of work, where nobody is an answer too, else by the trace. */
function userOf(
  scope: Scope,
  given: MonitoredUser | undefined,
  runningUserId: string | undefined,
): MonitoredUser | undefined {
  if (given) return given
  if (scope.user !== undefined) return scope.user ?? undefined
  return runningUserId === undefined ? undefined : { id: runningUserId }
}

function tagsOf(what: unknown, scope: Scope, given: CaptureContext['tags']): Record<string, string> {
  const tags = new Map(scope.tags)
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value !== undefined) tags.set(name, attempt(() => String(value)) ?? '[unreadable]')
  }
  const code = attempt(() => (what as { readonly code?: unknown } | null | undefined)?.code)
  if (typeof code === 'string' && !tags.has('code')) tags.set('code', code)
  return Object.fromEntries(tags)
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '[unreadable]'
}

function recordOf<T = unknown>(value: unknown): Readonly<Record<string, T>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, T>>) : {}
}

function isUser(value: unknown): value is MonitoredUser {
  return typeof value === 'object' && value !== null
}
