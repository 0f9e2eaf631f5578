import type { Choose } from './choose.ts'

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toJSON',
  'hasOwnProperty',
  'then',
  'phx_ref',
  'phx_ref_prev',
  '_msc',
  'metas',
  'event',
  'payload',
  'private',
  '',
  '\u0000',
  'å'.repeat(200),
]
const SCALARS = [
  'null',
  'true',
  '0',
  '-0',
  '1e999',
  '-1e-999',
  '9007199254740993',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '"a\\nb"',
]

/** JSON that is hard on whoever reads it: deep, long, full of names that objects have, and now and then none. */
export function hostileJson(choose: Choose, depth = 0): string {
  const kind = choose.below(depth > 4 ? 4 : 12)
  if (kind < 4) return scalar(choose)
  if (kind < 7) return list(choose, depth)
  if (kind < 11 || depth > 0) return object(choose, depth)
  return extreme(choose)
}

function scalar(choose: Choose): string {
  return choose.once(4) ? JSON.stringify('x'.repeat(choose.below(300))) : choose.of(SCALARS)
}

function list(choose: Choose, depth: number): string {
  return `[${Array.from({ length: choose.below(5) }, () => hostileJson(choose, depth + 1)).join(',')}]`
}

function object(choose: Choose, depth: number): string {
  const members = Array.from({ length: choose.below(5) }, () => {
    return `${JSON.stringify(choose.of(NAMES))}:${hostileJson(choose, depth + 1)}`
  })
  return `{${members.join(',')}}`
}

/** Around every bound: of depth, and of size. */
function extreme(choose: Choose): string {
  if (choose.once(3)) return JSON.stringify('x'.repeat(choose.of([8000, 8192, 8300, 60_000, 66_000, 150_000])))
  const levels = choose.of([58, 60, 61, 62, 63, 64, 65, 128, 1000, 8000])
  const [open, close] = choose.of([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const)
  const text = `${open.repeat(levels)}1${close.repeat(levels)}`
  return choose.once(5) ? text.slice(0, choose.below(text.length)) : text
}

/** The same text with one character taken out, put in or exchanged. */
export function mutated(choose: Choose, text: string): string {
  const at = choose.below(text.length + 1)
  const put = choose.of(['', '"', '[', '}', '\\', ',', '\u0000', '\ud800', 'null'])
  return text.slice(0, at) + put + text.slice(at + choose.below(3))
}
