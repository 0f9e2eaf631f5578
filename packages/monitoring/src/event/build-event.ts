import { currentContext, currentScope, processScope, type Scope } from '@msc/core'
import { mergeBreadcrumbs, newest, readBreadcrumbs } from './breadcrumbs.ts'
import type { CaptureContext } from '../create-monitoring.ts'
import { errorValues } from './error-values.ts'
import type { EventCleaner } from './event-cleaner.ts'
import { fingerprintOf } from './fingerprint.ts'
import { readUser } from './read-user.ts'
import { attempt, isObject, property, readText, textProperty } from './safe-read.ts'
import type { Breadcrumb, ErrorSignal, ErrorValue, Level, MessageSignal, MonitoredUser } from '../signals.ts'
import { readThrown, type ThrownError } from './thrown.ts'

export interface BuildOptions {
  readonly clean: EventCleaner
  readonly maxBreadcrumbs: number
  readonly release: string | undefined
  readonly environment: string | undefined
}

export interface Captured {
  readonly id: string
  readonly kind: 'error' | 'message'
  /** The thrown value or the message. */
  readonly what: unknown
  readonly level: Level
  /** The time, in milliseconds since the epoch, unless the context gives one. */
  readonly now: number
  readonly context: CaptureContext
}

const MAX_MESSAGE = 10_000
const MAX_FINGERPRINT = 500
const CUT = '[cut]'

/**
 * Builds a redacted signal from an error or a message. A part that can't be read becomes `[unreadable]`, so that the event
 * itself always arrives. The parts that identify it (fingerprint, tags, user, and the names, messages and frames of the
 * errors) are read before the parts that describe it, and have a separate budget.
 */
export function buildEvent(captured: Captured, options: BuildOptions): ErrorSignal | MessageSignal {
  const { id, kind, what, context } = captured
  const { clean, release, environment, maxBreadcrumbs } = options
  const running = currentContext()
  const scope = currentScope() ?? processScope()
  const thrown = kind === 'error' ? readThrown(what) : undefined
  const identified = thrown && errorValues(thrown, clean)
  const user = userOf(scope, context.user, running?.userId, clean)
  const tags = recordOf<string>(clean.identity(tagsOf(what, scope, context.tags)))
  const details = describe(captured, thrown, clean)
  const errors = identified && withProperties(identified, thrown, details.properties)
  const message = errors ? errors[0].message : clean.text(readText(what), MAX_MESSAGE)
  const name = errors ? errors[0].name : 'Message'
  const base = {
    id,
    timestamp: context.timestamp ?? captured.now,
    level: context.level ?? captured.level,
    message,
    tags,
    extra: recordOf(details.extra),
    ...(user && { user }),
    ...(running && { traceId: running.trace.traceId, spanId: running.trace.spanId }),
    fingerprint:
      context.fingerprint === undefined
        ? fingerprintOf({ name, message, frames: errors?.[0].frames ?? [] })
        : clean.text(context.fingerprint, MAX_FINGERPRINT),
    fingerprintChosen: context.fingerprint !== undefined,
    ...(release !== undefined && { release }),
    ...(environment !== undefined && { environment }),
    breadcrumbs: breadcrumbsOf(scope, details.breadcrumbs, maxBreadcrumbs),
  }
  return errors ? { ...base, kind: 'error', errors, handled: context.handled ?? true } : { ...base, kind: 'message' }
}

interface Details {
  readonly extra: unknown
  readonly breadcrumbs: readonly Breadcrumb[] | undefined
  /** The properties of each error, in order. */
  readonly properties: unknown
}

/** Cleans the descriptive parts within one budget. Properties of errors come last, since no one chose to send them. */
function describe(
  { context, now }: Captured,
  thrown: readonly ThrownError[] | undefined,
  clean: EventCleaner,
): Details {
  const { extra = {}, breadcrumbs } = context
  const cleaned: unknown = clean.details({
    extra,
    breadcrumbs: breadcrumbs && readBreadcrumbs(breadcrumbs, now),
    properties: thrown?.map(({ properties }) => properties),
  })
  return {
    extra: property(cleaned, 'extra'),
    // Read again, because the budget may have cut some of them.
    breadcrumbs: breadcrumbs && readBreadcrumbs(property(cleaned, 'breadcrumbs'), now),
    properties: property(cleaned, 'properties'),
  }
}

/** Adds the cleaned properties to the errors. When the budget is used up there is a text in their place, which is kept. */
function withProperties(
  [first, ...rest]: readonly [ErrorValue, ...ErrorValue[]],
  thrown: readonly ThrownError[],
  all: unknown,
): [ErrorValue, ...ErrorValue[]] {
  const complete = (error: ErrorValue): ErrorValue => {
    if (thrown[error.id]?.properties === undefined) return error
    const properties = property(all, error.id)
    return { ...error, properties: isObject(properties) ? recordOf(properties) : { '…': properties ?? CUT } }
  }
  return [complete(first), ...rest.map(complete)]
}

function breadcrumbsOf(scope: Scope, given: readonly Breadcrumb[] | undefined, max: number): readonly Breadcrumb[] {
  const known = newest(scope.breadcrumbs, max)
  return given ? mergeBreadcrumbs(known, given, max) : known
}

/** Returns the user of this event, else of the unit of work (which may be `null` for none), else of the trace. */
function userOf(
  scope: Scope,
  given: MonitoredUser | undefined,
  runningUserId: string | undefined,
  clean: EventCleaner,
): MonitoredUser | undefined {
  if (given) return readUser(given, clean.identity)
  if (scope.user !== undefined) return readUser(scope.user, clean.identity)
  return readUser(runningUserId, clean.identity)
}

function tagsOf(what: unknown, scope: Scope, given: CaptureContext['tags']): Record<string, string> {
  const tags = new Map<string, string>()
  for (const [name, value] of scope.tags) tags.set(readText(name), readText(value))
  for (const name of attempt(() => Object.keys(given ?? {})) ?? []) {
    // The value of a getter that throws is unreadable, not absent.
    const value = attempt(() => ({ is: given?.[name] })) ?? { is: '[unreadable]' }
    if (value.is !== undefined) tags.set(name, readText(value.is))
  }
  const code = textProperty(what, 'code')
  if (code !== undefined && !tags.has('code')) tags.set('code', code)
  return Object.fromEntries(tags)
}

/** Returns the object, or an empty one if a text such as `[cut]` has taken its place. */
function recordOf<T = unknown>(value: unknown): Readonly<Record<string, T>> {
  return isObject(value) && !Array.isArray(value) ? (value as Readonly<Record<string, T>>) : {}
}
