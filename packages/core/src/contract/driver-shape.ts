/** What a field of a driver has to be. `positive`: a number above zero, `Infinity` too. */
export type FieldKind = 'boolean' | 'list' | 'positive'

export interface DriverShape {
  /** Groups of methods which may be missing, with the methods that one which is there must have. */
  readonly groups?: Readonly<Record<string, readonly string[]>>
  /** Fields by their paths, as `capabilities.limits.maxItems`; a `?` at the end: it may be missing. */
  readonly fields?: Readonly<Record<string, FieldKind>>
}

/**
 * Reads groups of methods and fields, for `DriverContract.shape`: half a group would fail in the middle of a call, and a
 * limit that is no number would be obeyed.
 *
 * @returns A function that lists what a driver lacks, as `coordination.append` or `capabilities.kinds`.
 */
export function driverShape({ groups = {}, fields = {} }: DriverShape): (driver: object) => readonly string[] {
  return (driver) => [
    ...Object.entries(groups).flatMap(([group, methods]) => lacksOfGroup(driver, group, methods)),
    ...Object.entries(fields).flatMap(([path, kind]) => {
      const optional = path.endsWith('?')
      const name = optional ? path.slice(0, -1) : path
      const value = name.split('.').reduce(memberOf, driver as unknown)
      return (optional && value === undefined) || IS[kind](value) ? [] : [name]
    }),
  ]
}

function lacksOfGroup(driver: object, group: string, methods: readonly string[]): string[] {
  const value = memberOf(driver, group)
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null) return [group]
  return methods.filter((method) => typeof memberOf(value, method) !== 'function').map((method) => `${group}.${method}`)
}

function memberOf(value: unknown, name: string): unknown {
  return (value as Readonly<Record<string, unknown>> | null | undefined)?.[name]
}

const IS: Readonly<Record<FieldKind, (value: unknown) => boolean>> = {
  boolean: (value) => typeof value === 'boolean',
  list: (value) => Array.isArray(value) && value.length > 0,
  positive: (value) => typeof value === 'number' && value > 0,
}
