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
  /** What was thrown, or the message. */
  readonly what: unknown
  readonly level: Level
  /** Milliseconds since the epoch, where the context does not say. */
  readonly now: number
  readonly context: CaptureContext
}

const MAX_MESSAGE = 10_000
const MAX_FINGERPRINT = 500
const CUT = '[cut]'

/**
 * What is known of an error or a message, redacted, as a signal. A part that can't be read becomes `[unreadable]`: the
 * event itself always arrives. What identifies it (fingerprint, tags, user, names, messages and frames of the errors) is
 * read before, and apart from, what describes it.
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
  /** Of each error, in their order. */
  readonly properties: unknown
}

/** What describes an event, within one budget; the properties of errors come last, since nobody chose to send them. */
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
    // Once more, for those that the budget has cut.
    breadcrumbs: breadcrumbs && readBreadcrumbs(property(cleaned, 'breadcrumbs'), now),
    properties: property(cleaned, 'properties'),
  }
}

/** A budget that ended leaves a text in the place of properties, and nothing is read out of that. */
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

/** Said of this event, else by the unit of work, where nobody is an answer too, else by the trace. */
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
    // A getter that throws is a value that can't be read, not one that is not there.
    const value = attempt(() => ({ is: given?.[name] })) ?? { is: '[unreadable]' }
    if (value.is !== undefined) tags.set(name, readText(value.is))
  }
  const code = textProperty(what, 'code')
  if (code !== undefined && !tags.has('code')) tags.set('code', code)
  return Object.fromEntries(tags)
}

/** An object with names; nothing for a text that stands where one was. */
function recordOf<T = unknown>(value: unknown): Readonly<Record<string, T>> {
  return isObject(value) && !Array.isArray(value) ? (value as Readonly<Record<string, T>>) : {}
}
