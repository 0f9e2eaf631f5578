/** Who a unit of work acts for. */
export interface ScopeUser {
  readonly id: string
  readonly [property: string]: unknown
}

/** Something that happened before, kept to understand what went wrong after it. */
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
 * What is known while one unit of work runs: a request, a job's run, a cron's run, or what `withScope` runs. Two units
 * at once never share one, whatever their traces are: a trace id is a label, and any client may send one. It is
 * collected with the unit; nobody keeps a list.
 */
export interface Scope {
  /** `null`: nobody, said on purpose. `undefined`: nothing was said. */
  user: ScopeUser | null | undefined
  readonly tags: Map<string, string>
  /** Oldest first, at most {@link MAX_BREADCRUMBS}. */
  breadcrumbs: ScopeBreadcrumb[]
}

/** Breadcrumbs that a scope keeps; the oldest go first. */
export const MAX_BREADCRUMBS = 100

/** An empty scope. */
export function createScope(): Scope {
  return { user: undefined, tags: new Map(), breadcrumbs: [] }
}

/** A scope that starts with what `parent` knows; what either learns later stays its own. */
export function forkScope({ user, tags, breadcrumbs }: Scope): Scope {
  return { user, tags: new Map(tags), breadcrumbs: [...breadcrumbs] }
}

/** Adds a breadcrumb; beyond `max` the oldest goes. */
export function keepBreadcrumb(scope: Scope, breadcrumb: ScopeBreadcrumb, max: number = MAX_BREADCRUMBS): void {
  const { breadcrumbs } = scope
  breadcrumbs.push(breadcrumb)
  if (breadcrumbs.length > max) breadcrumbs.splice(0, breadcrumbs.length - max)
}
