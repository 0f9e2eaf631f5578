/** The user that a unit of work acts for. */
export interface ScopeUser {
  readonly id: string
  readonly [property: string]: unknown
}

/** An earlier event that helps to explain a later error. */
export interface ScopeBreadcrumb {
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** `navigation`, `cache.get`, `ui.click`, … */
  readonly category: string
  readonly message: string
  readonly level: 'fatal' | 'error' | 'warning' | 'info' | 'debug'
  readonly data?: Readonly<Record<string, unknown>>
}

/**
 * The user, tags and breadcrumbs of one unit of work: a request, a job's run, a cron's run, or a call of `withScope`.
 * Concurrent units never share a scope, even with the same trace: a trace id is only a label that any client may send. The
 * scope is garbage-collected with its unit; no list of scopes exists.
 */
export interface Scope {
  /** `null` after the user was cleared on purpose; `undefined` if none was ever set. */
  user: ScopeUser | null | undefined
  readonly tags: Map<string, string>
  /** The oldest first, at most {@link MAX_BREADCRUMBS}. */
  breadcrumbs: ScopeBreadcrumb[]
}

/** The number of breadcrumbs that a scope keeps; the oldest are dropped first. */
export const MAX_BREADCRUMBS = 100

/** Makes an empty scope. */
export function createScope(): Scope {
  return { user: undefined, tags: new Map(), breadcrumbs: [] }
}

/** Copies a scope. Later changes to either do not affect the other. */
export function forkScope({ user, tags, breadcrumbs }: Scope): Scope {
  return { user, tags: new Map(tags), breadcrumbs: [...breadcrumbs] }
}

/** Adds a breadcrumb. Beyond `max` the oldest is dropped. */
export function keepBreadcrumb(scope: Scope, breadcrumb: ScopeBreadcrumb, max: number = MAX_BREADCRUMBS): void {
  const { breadcrumbs } = scope
  breadcrumbs.push(breadcrumb)
  if (breadcrumbs.length > max) breadcrumbs.splice(0, breadcrumbs.length - max)
}
