import { compareDecimals, decimalOf, isHeld } from '../wire/decimal.ts'

/** Whether a cell fulfils a condition. `undefined`, SQL's null: neither it nor its negation. */
export type Test = (cell: unknown) => boolean | undefined

/**
 * Compares by what the cell's JSON tells of its column's type, as the database would have read the value. What it does not tell is
 * compared as text.
 */
export function compared(value: string, test: (order: number) => boolean): Test {
  const orderOf = comparing(value)
  return (cell) => {
    if (cell == null) return undefined
    const order = orderOf(cell)
    return order === undefined ? undefined : test(order)
  }
}

/** How a cell is to the value: below zero where it is less. `undefined` where they can't be compared. */
function comparing(value: string): (cell: unknown) => number | undefined {
  const [number, time, hour, uuid] = [decimalOf(value), timeOf(value), hourOf(value), uuidOf(value)]
  const list = listOf(value)?.map(comparing)
  return (cell) => {
    if (typeof cell === 'number') return number && numberOrder(String(cell), number)
    if (typeof cell === 'boolean') return Number(cell) - Number(/^(t|true|1)$/i.test(value))
    if (Array.isArray(cell) && list) return listOrder(cell, list)
    if (typeof cell !== 'string') return JSON.stringify(cell) === value ? 0 : 1
    // A number comes as text where JavaScript would round it.
    if (number && decimalOf(cell) && !isHeld(cell)) return numberOrder(cell, number)
    const [cellTime, cellHour] = [timeOf(cell), hourOf(cell)]
    if (time !== undefined && cellTime !== undefined) return time === cellTime ? 0 : cellTime < time ? -1 : 1
    if (hour !== undefined && cellHour !== undefined) return textOrder(cellHour, hour)
    if (uuid !== undefined && uuidOf(cell) === cell) return textOrder(cell, uuid)
    return textOrder(cell, value)
  }
}

const textOrder = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1)

function numberOrder(cell: string, value: NonNullable<ReturnType<typeof decimalOf>>): number | undefined {
  const own = decimalOf(cell)
  return own && compareDecimals(own, value)
}

/** As the first two that differ are, else the shorter is less. */
function listOrder(
  cell: readonly unknown[],
  list: readonly ((cell: unknown) => number | undefined)[],
): number | undefined {
  for (const [index, orderOf] of list.entries()) {
    if (index >= cell.length) return -1
    // An element that is null is none of those that a value can name.
    const order = cell[index] === null ? 1 : orderOf(cell[index])
    if (order !== 0) return order
  }
  return cell.length - list.length
}

/** The elements of an array of one dimension, as Postgres writes it: `{a,"b c"}`. */
function listOf(text: string): string[] | undefined {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1]
  if (inner === undefined || inner.includes('{')) return undefined
  if (inner.trim() === '') return []
  const parts = inner.match(/\s*(?:"[^"\\]*(?:\\.[^"\\]*)*"|[^",\\]+)\s*(?:,|$)/gs)
  if (parts?.join('') !== inner || inner.endsWith(',')) return undefined
  return parts.map((part) => {
    const element = part.replace(/,$/, '').trim()
    return element.startsWith('"') ? element.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : element
  })
}

/** In microseconds: a date is at midnight, a time without a zone is UTC. */
function timeOf(text: string): number | undefined {
  const found = /^(\d{4,6})(-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,6})?\d*(Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(
    text,
  )
  if (!found) return undefined
  const [, year = '', day, time = '00:00', part = '', zone = 'Z'] = found
  // As ISO 8601 has years of more than four digits.
  const full = year.length > 4 ? `+${year.padStart(6, '0')}` : year
  const ms = Date.parse(`${full}${day}T${time}${/^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone}`)
  return Number.isNaN(ms) ? undefined : ms * 1000 + Number(part.slice(1).padEnd(6, '0'))
}

/** A time of day, in full. */
function hourOf(text: string): string | undefined {
  const [, hour, second = '00', part = ''] = /^(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/.exec(text) ?? []
  return hour === undefined ? undefined : `${hour}:${second}.${part.padEnd(6, '0')}`
}

/** As Postgres writes it, whatever form it has; `undefined` for what is none. */
function uuidOf(text: string): string | undefined {
  const digits = /^\{?([\da-f]{4}(?:-?[\da-f]{4}){7})\}?$/i.exec(text)?.[1]?.replaceAll('-', '').toLowerCase()
  return digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
