import { plainJson } from '@msc/core/delivery'
import type { EventCleaner } from './event-cleaner.ts'
import { parseStack } from './frames.ts'
import { attempt, isObject, readText } from './safe-read.ts'
import type { ErrorValue } from '../signals.ts'
import type { ThrownError } from './thrown.ts'

const MAX_NAME = 200
const MAX_SHOWN = 500
/** The limits in characters for messages and stacks: for all errors of a tree, for each, and the least for each. */
const MESSAGES = { all: 40_000, each: 10_000, least: 500 }
const STACKS = { all: 64_000, each: 16_000, least: 2000 }

/**
 * Returns the redacted parts that identify each error of a tree: name, message, stack and frames. The caller adds the
 * properties, which have another budget.
 */
export function errorValues(
  errors: readonly [ThrownError, ...ThrownError[]],
  clean: EventCleaner,
): [ErrorValue, ...ErrorValue[]] {
  const lengths = { message: shareOf(MESSAGES, errors.length), stack: shareOf(STACKS, errors.length) }
  const values = errors.map((error): ErrorValue => valueOf(error, lengths, clean))
  return values as [ErrorValue, ...ErrorValue[]]
}

/** Shares the characters between all errors of a tree, so that the first ones do not use them up. */
function shareOf({ all, each, least }: typeof MESSAGES, count: number): number {
  return Math.max(least, Math.min(each, Math.floor(all / count)))
}

function valueOf(
  { id, parent, isGroup, name, message, stack: given, value }: ThrownError,
  lengths: { readonly message: number; readonly stack: number },
  clean: EventCleaner,
): ErrorValue {
  const stack = given === undefined ? undefined : clean.text(given, lengths.stack)
  return {
    name: clean.text(name, MAX_NAME),
    message: clean.text(message ?? shown(value, clean), message === undefined ? MAX_SHOWN : lengths.message),
    ...(stack !== undefined && { stack }),
    // Parsed from the cleaned stack, so that no frame contains a secret from a path or a URL.
    frames: parseStack(stack),
    id,
    ...(parent && { parentId: parent.id, source: parent.source }),
    ...(isGroup && { isGroup: true as const }),
  }
}

/** Shows a thrown object as JSON, because `[object Object]` says nothing. */
function shown(thrown: unknown, clean: EventCleaner): string {
  if (!isObject(thrown)) return readText(thrown)
  const plain: unknown = clean.identity(thrown)
  if (typeof plain === 'string') return plain
  return attempt(() => plainJson(plain)) ?? 'A value that cannot be shown'
}
