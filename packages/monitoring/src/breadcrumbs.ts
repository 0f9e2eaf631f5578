import type { TelemetryEvent } from '@msc/core'
import type { Breadcrumb } from './signals.ts'

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

/** An operation of another concern as something that happened before. */
export function telemetryBreadcrumb(event: TelemetryEvent): Breadcrumb {
  const { name, startedAt, durationMs } = event
  const attributes: Readonly<Record<string, unknown>> = event.attributes
  const { outcome } = attributes
  const subject = Object.values(attributes).find((value) => typeof value === 'string' && value !== outcome)
  return {
    timestamp: startedAt,
    category: name,
    message: [subject, outcome].filter((part) => part !== undefined).join(' → ') || name,
    level: outcome === 'error' || outcome === 'failed' ? 'warning' : 'info',
    data: durationMs > 0 ? { ...attributes, durationMs: Math.round(durationMs * 100) / 100 } : { ...attributes },
  }
}
