import type { Frame } from '../signals.ts'

/** The number of lines of a stack to read, and of characters of each: a stack is untrusted text. */
const MAX_LINES = 60
const MAX_LINE = 1024

/**
 * Parses a stack into calls, beginning with the one that threw. Reads the formats of V8 (`at fn (file:1:2)`) and of Firefox
 * and Safari (`fn@file:1:2`), and skips other lines. Takes linear time and reads a bounded length.
 *
 * Source: https://v8.dev/docs/stack-trace-api
 */
export function parseStack(stack: string | undefined): Frame[] {
  if (stack === undefined) return []
  const frames: Frame[] = []
  let from = 0
  for (let count = 0; count < MAX_LINES && from < stack.length; count++) {
    const end = stack.indexOf('\n', from)
    const line = stack.slice(from, Math.min(end === -1 ? stack.length : end, from + MAX_LINE)).trim()
    const frame = parseLine(line)
    if (frame) frames.push(frame)
    if (end === -1) break
    from = end + 1
  }
  return frames
}

function parseLine(line: string): Frame | undefined {
  if (line.startsWith('at ')) return parseV8(line.slice(3))
  const at = line.lastIndexOf('@')
  // The `@` may belong to an e-mail address in a message; a frame ends with a position.
  if (at === -1 || !hasPosition(line)) return undefined
  return frameOf(line.slice(0, at), line.slice(at + 1))
}

function parseV8(call: string): Frame | undefined {
  const text = call.startsWith('async ') ? call.slice(6) : call
  if (text.endsWith(')')) {
    const open = text.lastIndexOf(' (')
    if (open !== -1) return frameOf(text.slice(0, open), text.slice(open + 2, -1))
  }
  return hasPosition(text) ? frameOf('', text) : undefined
}

function hasPosition(text: string): boolean {
  return /:\d{1,9}$/.test(text.slice(-12))
}

function frameOf(call: string, place: string): Frame {
  const { file, line, column } = positionOf(place)
  const name = call.replace(/^new /, '').slice(0, 200)
  const path = withoutQuery(file)
  return {
    ...(name !== '' && { function: name }),
    ...(path !== '' && { file: path }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    inApp: isInApp(path),
  }
}

function positionOf(place: string): { file: string; line?: number; column?: number } {
  const numbers: number[] = []
  let file = place
  while (numbers.length < 2) {
    const colon = file.lastIndexOf(':')
    const digits = file.slice(colon + 1)
    if (colon === -1 || !/^\d{1,9}$/.test(digits)) break
    numbers.unshift(Number(digits))
    file = file.slice(0, colon)
  }
  const [line, column] = numbers
  return { file, ...(line !== undefined && { line }), ...(column !== undefined && { column }) }
}

/** Removes the query and the fragment, which may contain secrets. */
function withoutQuery(file: string): string {
  const end = file.search(/[?#]/)
  return end === -1 ? file : file.slice(0, end)
}

function isInApp(file: string): boolean {
  return file !== '' && !/^(?:node:|internal\/|native|<anonymous>)|[\\/]node_modules[\\/]/.test(file)
}
