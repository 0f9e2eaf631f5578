import { hash64 } from '@msc/core/hash'
import { parseStack } from './frames.ts'
import type { Frame } from '../signals.ts'

/** What of an error says which issue it is. */
export interface Grouped {
  readonly name: string
  readonly message: string
  readonly frames?: readonly Frame[]
  /** Read where there are no frames. */
  readonly stack?: string
}

/**
 * What an issue is: the error's type, its message without what varies, and the function of the application that threw.
 * Lines, columns, hashes of files and minified names stay out of it, so that a deployment does not make every issue new.
 *
 * @returns 16 hex digits.
 */
export function fingerprintOf(error: Grouped): string {
  const frames = error.frames ?? parseStack(error.stack)
  return hash64(`${error.name}\n${withoutVariables(error.message)}\n${thrower(frames)}`)
}

/** Ids, numbers, quoted parts, addresses and paths as placeholders. Reads the first 500 characters. */
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

/** Shorter names than this are a minifier's. */
const SHORTEST_NAME = 3

/** The first call of the application's own code, since every caller of a library would share the library's. */
function thrower(frames: readonly Frame[]): string {
  const frame = frames.find(({ inApp }) => inApp) ?? frames[0]
  if (!frame) return ''
  const name = frame.function?.replace(/^(?:Object|Module|Function)\./, '') ?? ''
  if (name.length >= SHORTEST_NAME) return name
  return nameOfFile(frame.file ?? '')
}

/** The file without its folders, extension and hash; nothing for one that is named by its hash alone. */
function nameOfFile(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  const [first = '', ...rest] = base.split(/[-.]/)
  const kept = [first, ...rest.slice(0, -1)].filter((part) => !looksHashed(part))
  return kept.join('.')
}

/** Eight characters and more that mix letters and digits, as bundlers name chunks. */
function looksHashed(part: string): boolean {
  return part.length >= 8 && /\d/.test(part) && /^[\w~]+$/.test(part)
}
