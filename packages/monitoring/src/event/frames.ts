import type { Frame } from '../signals.ts'

/** Lines of a stack that are read, and characters of each: a stack is text from outside. */
const MAX_LINES = 60
const MAX_LINE = 1024

/**
 * The calls of a stack as the runtime wrote it, the one that threw first. Reads the forms of V8 (`at fn (file:1:2)`) and
 * of Firefox and Safari (`fn@file:1:2`); other lines are left out. Linear in what it reads, and bounded.
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
  // A message may hold an address of somebody: a frame has a position at its end.
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

/** A query is where secrets travel. */
function withoutQuery(file: string): string {
  const end = file.search(/[?#]/)
  return end === -1 ? file : file.slice(0, end)
}

function isInApp(file: string): boolean {
  return file !== '' && !/^(?:node:|internal\/|native|<anonymous>)|[\\/]node_modules[\\/]/.test(file)
}
