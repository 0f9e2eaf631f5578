import { RE2JS } from 're2js'
import { compared, type Test } from './compared.ts'

type Row = Readonly<Record<string, unknown>>
export type RowFilter = (row: Row) => boolean

const MAX_LENGTH = 2000
const MAX_CONDITIONS = 20

/**
 * Supabase's filters of `postgres_changes`: `column=operator.value`, 13 operators, `not.` before one, a comma for AND.
 * Patterns are matched in linear time, whatever a client sends.
 *
 * @throws Error that says what is wrong with the filter.
 */
export function parseFilter(text: string): RowFilter {
  if (text.length > MAX_LENGTH) throw new Error(`A filter has at most ${MAX_LENGTH} characters.`)
  const parts = split(text)
  if (parts.length > MAX_CONDITIONS) throw new Error(`A filter has at most ${MAX_CONDITIONS} conditions.`)
  const conditions = parts.map(parseCondition)
  return (row) => conditions.every((condition) => condition(row))
}

function parseCondition(text: string): RowFilter {
  const found = /^([^=]+)=(not\.)?([a-z]+)\.(.*)$/s.exec(text)
  if (!found) throw new Error(`${JSON.stringify(text)} is not a filter; write column=operator.value.`)
  const [, column = '', not, operator = '', value = ''] = found
  const make = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined
  if (!make) throw new Error(`There is no operator ${JSON.stringify(operator)}.`)
  const test = make(value)
  const name = column.trim()
  return (row) => {
    const result = test(Object.hasOwn(row, name) ? row[name] : undefined)
    return result !== undefined && result !== (not !== undefined)
  }
}

const OPERATORS: Readonly<Record<string, (value: string) => Test>> = {
  eq: (value) => compared(unquote(value), (order) => order === 0),
  neq: (value) => compared(unquote(value), (order) => order !== 0),
  lt: (value) => compared(unquote(value), (order) => order < 0),
  lte: (value) => compared(unquote(value), (order) => order <= 0),
  gt: (value) => compared(unquote(value), (order) => order > 0),
  gte: (value) => compared(unquote(value), (order) => order >= 0),
  in(value) {
    const list = /^\((.*)\)$/s.exec(value)?.[1]
    if (list === undefined) throw new Error('`in` needs a list: column=in.(a,b).')
    const tests = split(list).map((item) => compared(unquote(item), (order) => order === 0))
    return (cell) => (cell == null ? undefined : tests.some((test) => test(cell) === true))
  },
  is(value) {
    const wanted: unknown = { null: null, unknown: null, true: true, false: false }[value]
    if (wanted === undefined) throw new Error('`is` takes null, unknown, true or false.')
    return (cell) => (cell ?? null) === wanted
  },
  isdistinct(value) {
    const equal = compared(unquote(value), (order) => order === 0)
    return (cell) => (value === 'null' ? cell != null : cell == null || equal(cell) !== true)
  },
  like: (value) => matching(likePattern(unquote(value)), RE2JS.DOTALL),
  ilike: (value) => matching(likePattern(unquote(value)), RE2JS.DOTALL | RE2JS.CASE_INSENSITIVE),
  match: (value) => matching(unquote(value), 0),
  imatch: (value) => matching(unquote(value), RE2JS.CASE_INSENSITIVE),
}

/** A whole array behind an operator, such as `{a,"b,c"}`. */
const ARRAY = /\{(?:[^{}()="]|"[^"\\]*(?:\\.[^"\\]*)*")*\}(?=,|$)/sy

/** At commas that are in no quotes, no list and no array. */
function split(text: string): string[] {
  const parts: string[] = []
  let [part, quoted, depth] = ['', false, 0]
  for (let index = 0; index < text.length; index++) {
    const char = text[index] ?? ''
    if (char === '{' && !quoted && /=(?:not\.)?[a-z]+\.$/.test(part)) {
      ARRAY.lastIndex = index
      const [array] = ARRAY.exec(text) ?? []
      if (array !== undefined) {
        part += array
        index += array.length - 1
        continue
      }
    }
    if (quoted && char === '\\') {
      part += char + (text[++index] ?? '')
      continue
    }
    if (char === '"') quoted = !quoted
    else if (!quoted && char === '(') depth += 1
    else if (!quoted && char === ')') depth -= 1
    if (char === ',' && !quoted && depth <= 0) {
      parts.push(part)
      part = ''
    } else part += char
  }
  if (quoted) throw new Error('A quote in the filter is not closed.')
  return [...parts, part]
}

function unquote(value: string): string {
  const inner = /^"(.*)"$/s.exec(value)?.[1]
  return inner === undefined ? value : inner.replaceAll(/\\(.)/gs, '$1')
}

function matching(pattern: string, flags: number): Test {
  const compiled = RE2JS.compile(pattern, flags)
  return (cell) => (cell == null ? undefined : compiled.matcher(String(cell)).find())
}

/** LIKE, anchored, `%` and `_`, with a backslash before either where it is meant. */
function likePattern(like: string): string {
  let pattern = ''
  for (let index = 0; index < like.length; index++) {
    const char = like[index] ?? ''
    if (char === '%') pattern += '.*'
    else if (char === '_') pattern += '.'
    else pattern += RE2JS.quote(char === '\\' ? (like[++index] ?? '\\') : char)
  }
  return `^${pattern}$`
}
