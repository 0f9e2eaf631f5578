// Recognises values that hold no others, and lists of such values.
import { kindOf } from './kinds.ts'
import { CIRCULAR, CUT, REDACTED, TOO_DEEP, UNREADABLE } from '../marks.ts'

/** Marks that may have replaced an object, so that a cleaned value is judged as it was before. */
const IN_PLACE: ReadonlySet<unknown> = new Set([REDACTED, CUT, TOO_DEEP, CIRCULAR, UNREADABLE])

/** True for a value that holds no others: a text, a number, bytes, a URL. False for an object that can't be read. */
export function isScalar(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !IN_PLACE.has(value)
  try {
    const { is } = kindOf(value, 0)
    return is !== 'members' && is !== 'items'
  } catch {
    return false
  }
}

/** True for a scalar or a list of scalars. Reads at most `max` items. */
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
