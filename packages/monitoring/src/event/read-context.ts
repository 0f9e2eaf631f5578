import type { CaptureContext } from '../create-monitoring.ts'
import type { Level } from '../signals.ts'

const FIELDS = ['tags', 'extra', 'user', 'level', 'fingerprint', 'handled', 'timestamp', 'breadcrumbs'] as const
const LEVELS: ReadonlySet<unknown> = new Set(['fatal', 'error', 'warning', 'info', 'debug'])

/** Whether a field has the shape that the rest relies on; JavaScript callers and `any` pass everything. */
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
 * What can be read of a context, field by field: `null`, a getter that throws or a value of another shape costs itself,
 * never the event that it was to describe.
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

/** Milliseconds that a date can have. Source: ECMA-262, section 21.4.1.1. */
const MAX_TIME = 8.64e15

/** Anything beyond would throw wherever a backend wants a date. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= MAX_TIME
}

export function isLevel(value: unknown): value is Level {
  return LEVELS.has(value)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
