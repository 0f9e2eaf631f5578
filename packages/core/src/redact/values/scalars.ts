// Values that hold no others, and lists of such values.
import { kindOf } from './kinds.ts'
import { CIRCULAR, CUT, REDACTED, TOO_DEEP, UNREADABLE } from '../marks.ts'

/** What may stand in place of an object, so that what is clean is judged as it was before. */
const IN_PLACE: ReadonlySet<unknown> = new Set([REDACTED, CUT, TOO_DEEP, CIRCULAR, UNREADABLE])

/** Is this a value by itself: a text, a number, bytes, a URL? An object that cannot be read is none. */
export function isScalar(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !IN_PLACE.has(value)
  try {
    const { is } = kindOf(value, 0)
    return is !== 'members' && is !== 'items'
  } catch {
    return false
  }
}

/** Is this a scalar, or a list of them? Looks at `max` items at most. */
export function isFlat(value: unknown, max: number): boolean {
  return isScalar(value) || isFlatList(value, max)
}

export function isFlatList(value: unknown, max: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    const items = itemsOf(value, max)
    for (let i = 0; i < Math.min(items?.length ?? 0, max); i++) if (!isScalar(items?.[i])) return false
    return items !== undefined
  } catch {
    return false
  }
}

function itemsOf(value: object, max: number): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value as unknown[]
  const kind = kindOf(value, max)
  return kind.is === 'items' ? kind.items : undefined
}
