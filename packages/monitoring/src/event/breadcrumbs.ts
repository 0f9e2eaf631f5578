import type { TelemetryEvent } from '@msc/core'
import { isLevel, isTime } from './read-context.ts'
import { isObject, itemsOf, property, textProperty } from './safe-read.ts'
import type { Breadcrumb } from '../signals.ts'

/** The number of passed breadcrumbs to read; a backend keeps no more. */
const MAX_GIVEN = 1000

/** Reads the breadcrumbs of a list and fills in missing fields. Leaves out values that are not breadcrumbs. */
export function readBreadcrumbs(list: unknown, now: number): Breadcrumb[] {
  return (itemsOf(list, MAX_GIVEN) ?? []).flatMap((given) => (isObject(given) ? [readBreadcrumb(given, now)] : []))
}

function readBreadcrumb(given: object, now: number): Breadcrumb {
  const timestamp = property(given, 'timestamp')
  const level = property(given, 'level')
  const data = property(given, 'data')
  return {
    timestamp: isTime(timestamp) ? timestamp : now,
    category: textProperty(given, 'category') ?? 'default',
    message: textProperty(given, 'message') ?? '[unreadable]',
    level: isLevel(level) ? level : 'info',
    ...(isObject(data) && { data: data as Readonly<Record<string, unknown>> }),
  }
}

/** Replaces known breadcrumbs by the `given` ones of the same categories. Returns the newest `max`, the oldest first. */
export function mergeBreadcrumbs(
  known: readonly Breadcrumb[],
  given: readonly Breadcrumb[],
  max: number,
): Breadcrumb[] {
  const categories = new Set(given.map(({ category }) => category))
  const all = [...known.filter(({ category }) => !categories.has(category)), ...given]
  return newest(
    all.toSorted((a, b) => a.timestamp - b.timestamp),
    max,
  )
}

/** Returns the last `max` items. For 0 it returns none, where `slice(-0)` would return all. */
export function newest<T>(items: readonly T[], max: number): T[] {
  return items.slice(Math.max(0, items.length - max))
}

/** Makes a breadcrumb from an operation of another concern. */
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
