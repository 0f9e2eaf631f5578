import type { CaptureContext } from '../create-monitoring.ts'
import type { Level } from '../signals.ts'

const FIELDS = ['tags', 'extra', 'user', 'level', 'fingerprint', 'handled', 'timestamp', 'breadcrumbs'] as const
const LEVELS: ReadonlySet<unknown> = new Set(['fatal', 'error', 'warning', 'info', 'debug'])

/** Checks that a field has the expected shape, because JavaScript callers may pass anything. */
const USABLE: Readonly<Record<(typeof FIELDS)[number], (value: unknown) => boolean>> = {
  tags: isObject,
  extra: isObject,
  user: isObject,
  level: isLevel,
  fingerprint: (value) => typeof value === 'string',
  handled: (value) => typeof value === 'boolean',
  timestamp: isTime,
  breadcrumbs: (value) => Array.isArray(value),
}

/**
 * Reads a context field by field. `null`, a getter that throws or a value of another shape loses only that field, never the
 * event.
 */
export function readContext(given: unknown): CaptureContext {
  const context: Record<string, unknown> = {}
  for (const field of isObject(given) ? FIELDS : []) {
    try {
      const value = (given as Readonly<Record<string, unknown>>)[field]
      if (USABLE[field](value)) context[field] = value
    } catch {
      // This field is left out.
    }
  }
  return context
}

/** The largest time of a `Date` in milliseconds. Source: ECMA-262, section 21.4.1.1. */
const MAX_TIME = 8.64e15

/** Says whether a value is a valid time: any other would throw when a driver formats a date. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= MAX_TIME
}

export function isLevel(value: unknown): value is Level {
  return LEVELS.has(value)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
