import { toError } from '@msc/core'
import type { ErrorValue } from './driver.ts'

const MAX_CAUSES = 5

/** A thrown value, then its causes, as plain data. Survives getters that throw and causes that form a circle. */
export function errorValues(thrown: unknown): ErrorValue[] {
  const values: ErrorValue[] = []
  const seen = new Set<unknown>()
  let next: unknown = thrown
  while (values.length < MAX_CAUSES && next !== undefined && next !== null && !seen.has(next)) {
    seen.add(next)
    const error = toError(next)
    const stack = read(error, 'stack')
    values.push({
      name: read(error, 'name') ?? 'Error',
      message: next instanceof Error ? (read(error, 'message') ?? '') : describe(next),
      ...(stack !== undefined && { stack }),
    })
    next = next instanceof Error ? unknownCause(next) : undefined
  }
  return values
}

/** `[object Object]` tells nobody anything. */
function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  try {
    return `Thrown: ${JSON.stringify(thrown)?.slice(0, 500) ?? String(thrown)}`
  } catch {
    return 'Thrown: a value that can not be shown'
  }
}

function read(error: Error, property: 'name' | 'message' | 'stack'): string | undefined {
  try {
    const value: unknown = error[property]
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

function unknownCause(error: Error): unknown {
  try {
    return error.cause
  } catch {
    return undefined
  }
}
