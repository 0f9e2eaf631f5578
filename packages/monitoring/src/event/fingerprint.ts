import { hash64 } from '@msc/core/hash'
import { parseStack } from './frames.ts'
import type { Frame } from '../signals.ts'

/** The parts of an error that decide which issue it belongs to. */
export interface Grouped {
  readonly name: string
  readonly message: string
  readonly frames?: readonly Frame[]
  /** Parsed if there are no frames. */
  readonly stack?: string
}

/**
 * Returns the fingerprint that identifies an issue: the error's type, its message without variable parts, and the function
 * of the application that threw. It excludes lines, columns, hashes in file names and minified names, so that a deployment
 * does not turn every issue into a new one.
 *
 * @returns 16 hex digits.
 */
export function fingerprintOf(error: Grouped): string {
  const frames = error.frames ?? parseStack(error.stack)
  return hash64(`${error.name}\n${withoutVariables(error.message)}\n${thrower(frames)}`)
}

/** Replaces ids, numbers, quoted parts, addresses and paths by placeholders. Reads the first 500 characters. */
export function withoutVariables(message: string): string {
  return message
    .slice(0, 500)
    .replace(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '<id>')
    .replace(/\b[a-z][\w+.-]{0,20}:\/\/\S+/gi, '<url>')
    .replace(/[^\s@<>"']{1,64}@[^\s@<>"']{1,200}/g, '<address>')
    .replace(/(["'`“])[^"'`”]{1,200}(["'`”])/g, '$1<text>$2')
    .replace(/(?<![\w.])\.{0,2}(?:\/[\w.@-]{1,100}){2,}/g, '<path>')
    .replace(/\b(?=[\da-f]*\d)[\da-f]{8,}\b/gi, '<id>')
    .replace(/(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{16,}(?![\w-])/gi, '<id>')
    .replace(/\d+/g, '<n>')
}

/** Names shorter than this come from a minifier. */
const SHORTEST_NAME = 3

/** Returns the first call of the application's own code, because all callers of a library share the library's frames. */
function thrower(frames: readonly Frame[]): string {
  const frame = frames.find(({ inApp }) => inApp) ?? frames[0]
  if (!frame) return ''
  const name = frame.function?.replace(/^(?:Object|Module|Function)\./, '') ?? ''
  if (name.length >= SHORTEST_NAME) return name
  return nameOfFile(frame.file ?? '')
}

/** Returns the file name without folders, extension and hash. It is empty for a name that is only a hash. */
function nameOfFile(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  const [first = '', ...rest] = base.split(/[-.]/)
  const kept = [first, ...rest.slice(0, -1)].filter((part) => !looksHashed(part))
  return kept.join('.')
}

/** Recognises the hashes in bundlers' chunk names: eight characters or more with a digit. */
function looksHashed(part: string): boolean {
  return part.length >= 8 && /\d/.test(part) && /^[\w~]+$/.test(part)
}
