import { parseStack, type Breadcrumb, type ErrorValue, type Frame, type Level } from '@msc/monitoring'
import { finite, index, list, record, tail, text } from './loose.ts'
import { occurredAt } from './times.ts'

const MAX_ERRORS = 20
export const MAX_FRAMES = 60
export const MAX_MESSAGE = 5000
const MAX_STACK = 16_000
const MAX_PLACE = 500
const MAX_BREADCRUMBS = 100
const LEVELS: ReadonlySet<string> = new Set<Level>(['fatal', 'error', 'warning', 'info', 'debug'])

export function levelOf(value: unknown, otherwise: Level): Level {
  if (value === 'warn') return 'warning'
  return typeof value === 'string' && LEVELS.has(value) ? (value as Level) : otherwise
}

/** Reads errors into the form of `@msc/monitoring`'s signals. */
export function errorValues(value: unknown): ErrorValue[] {
  return list(value, MAX_ERRORS).map((each, position) => {
    const { name, message, stack, frames, id, parentId, source, isGroup, properties } = record(each)
    const kept = text(stack, MAX_STACK)
    const read = list(frames, MAX_FRAMES).map(frameOf)
    const parent = index(parentId, MAX_ERRORS)
    return {
      name: text(name, 200) ?? 'Error',
      message: text(message, MAX_MESSAGE) ?? '',
      ...(kept !== undefined && { stack: kept }),
      frames: read.length > 0 ? read : parseStack(kept),
      id: index(id, MAX_ERRORS) ?? position,
      ...(parent !== undefined && { parentId: parent, source: text(source, 100) ?? 'cause' }),
      ...(isGroup === true && { isGroup }),
      ...(properties !== undefined && { properties: record(properties) }),
    }
  })
}

function frameOf(value: unknown): Frame {
  const { function: name, file, line, column, inApp } = record(value)
  return frame({ name, file, line, column, inApp: inApp === true })
}

/** Makes a frame within its limits. Addresses lose their query, which may hold secrets. */
export function frame(given: {
  readonly name: unknown
  readonly file: unknown
  readonly line: unknown
  readonly column: unknown
  readonly inApp: boolean
}): Frame {
  const name = text(given.name, 200)
  const file = text(given.file, MAX_PLACE)?.replace(/[?#].*$/s, '')
  const line = finite(given.line)
  const column = finite(given.column)
  return {
    ...(name !== undefined && { function: name }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    inApp: given.inApp,
  }
}

/**
 * Returns the newest breadcrumbs.
 *
 * @param timeOf Reads a breadcrumb's time, in milliseconds since the epoch.
 */
export function breadcrumbsOf(
  value: unknown,
  timeOf: (timestamp: unknown) => number | undefined,
  sentAt: number | undefined,
  now: number,
): Breadcrumb[] {
  return tail(value, MAX_BREADCRUMBS).map((each) => {
    const { timestamp, category, message, level, data, type } = record(each)
    return {
      timestamp: occurredAt(timeOf(timestamp), sentAt, now),
      category: text(category, 100) ?? text(type, 100) ?? 'default',
      message: text(message, 1000) ?? '',
      level: levelOf(level, 'info'),
      ...(data !== undefined && data !== null && { data: record(data) }),
    }
  })
}
