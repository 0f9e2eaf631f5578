/** The required type of a driver's field. `list` is a non-empty array, `positive` a number above zero or `Infinity`. */
export type FieldKind = 'boolean' | 'list' | 'positive'

export interface DriverShape {
  /** Groups of methods. A group may be missing; one that is present must have all the methods listed. */
  readonly groups?: Readonly<Record<string, readonly string[]>>
  /** Fields by path, such as `capabilities.limits.maxItems`. A `?` at the end marks a field that may be missing. */
  readonly fields?: Readonly<Record<string, FieldKind>>
}

/**
 * Checks groups of methods and fields, for `DriverContract.shape`. Otherwise an incomplete group would fail in the middle
 * of a call, and a limit that is not a number would be used.
 *
 * @returns A function that lists what a driver lacks, for example `coordination.append` or `capabilities.kinds`.
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
