import { plainJson } from '@msc/core/delivery'
import type { EventCleaner } from './event-cleaner.ts'
import { parseStack } from './frames.ts'
import { attempt, isObject, readText } from './safe-read.ts'
import type { ErrorValue } from '../signals.ts'
import type { ThrownError } from './thrown.ts'

const MAX_NAME = 200
const MAX_SHOWN = 500
/** Characters of all messages of one tree, of all its stacks, and the least that one error has of each. */
const MESSAGES = { all: 40_000, each: 10_000, least: 500 }
const STACKS = { all: 64_000, each: 16_000, least: 2000 }

/** What identifies each error of a tree, redacted: name, message, stack and frames. Properties are added by whoever has the budget for them. */
export function errorValues(
  errors: readonly [ThrownError, ...ThrownError[]],
  clean: EventCleaner,
): [ErrorValue, ...ErrorValue[]] {
  const lengths = { message: shareOf(MESSAGES, errors.length), stack: shareOf(STACKS, errors.length) }
  const values = errors.map((error): ErrorValue => valueOf(error, lengths, clean))
  return values as [ErrorValue, ...ErrorValue[]]
}

/** A tree of many errors is told of each a little rather than of the first ones all. */
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
    // Of the cleaned stack, so that no secret of a path or an address comes back by way of a frame.
    frames: parseStack(stack),
    id,
    ...(parent && { parentId: parent.id, source: parent.source }),
    ...(isGroup && { isGroup: true as const }),
  }
}

/** `[object Object]` tells nobody anything. */
function shown(thrown: unknown, clean: EventCleaner): string {
  if (!isObject(thrown)) return readText(thrown)
  const plain: unknown = clean.identity(thrown)
  if (typeof plain === 'string') return plain
  return attempt(() => plainJson(plain)) ?? 'A value that can not be shown'
}
