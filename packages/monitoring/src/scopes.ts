import { currentContext } from '@msc/core'
import type { Breadcrumb, MonitoredUser } from './driver.ts'

/** What is known while something runs. */
interface Scope {
  user?: MonitoredUser | undefined
  readonly breadcrumbs: Breadcrumb[]
}

export interface Scopes {
  /** The scope of the running trace, else of the process (in a browser: of the page). */
  current(): Scope
  of(traceId: string | undefined): Scope
  add(scope: Scope, breadcrumb: Breadcrumb): void
}

/**
 * One scope for each trace, so that two requests at once never see each other's user or breadcrumbs. Bounded both ways:
 * the trace that was touched longest ago goes first, and of a trace its oldest breadcrumb.
 */
export function createScopes(maxTraces: number, maxBreadcrumbs: number): Scopes {
  const root: Scope = { breadcrumbs: [] }
  const traces = new Map<string, Scope>()
  const of = (traceId: string | undefined): Scope => {
    if (traceId === undefined) return root
    const found = traces.get(traceId) ?? { breadcrumbs: [] }
    traces.delete(traceId)
    traces.set(traceId, found)
    if (traces.size > maxTraces) traces.delete(traces.keys().next().value as string)
    return found
  }
  return {
    of,
    current: () => of(currentContext()?.trace.traceId),
    add(scope, breadcrumb) {
      scope.breadcrumbs.push(breadcrumb)
      if (scope.breadcrumbs.length > maxBreadcrumbs) scope.breadcrumbs.shift()
    },
  }
}

/** Those that were `given` instead of those of the same category; the newest `max`, oldest first. */
export function mergeBreadcrumbs(
  known: readonly Breadcrumb[],
  given: readonly Breadcrumb[],
  max: number,
): Breadcrumb[] {
  const categories = new Set(given.map(({ category }) => category))
  return [...known.filter(({ category }) => !categories.has(category)), ...given]
    .toSorted((a, b) => a.timestamp - b.timestamp)
    .slice(-max)
}
