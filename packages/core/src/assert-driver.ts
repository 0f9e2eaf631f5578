import type { DriverBase } from './driver.ts'
import { ConfigError } from './errors.ts'

/** What an engine needs of a driver. */
export interface DriverContract<Driver> {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** The version that the engine speaks. */
  readonly version: number
  /** Methods without which the engine can't work, besides `health` and `close`. */
  readonly methods: readonly string[]
  /** Methods, or groups of methods, which may be missing but must be usable if they are there. */
  readonly optional?: readonly string[]
  /** How a driver of an older version is made to fit, by that version. */
  readonly adapters?: ReadonlyMap<number, (older: never) => Driver>
}

/**
 * Reads a driver's contract when an engine is made: its version, its name and its methods. A driver of an older version
 * goes through that version's adapter. Does no I/O.
 *
 * @returns The driver, or what the adapter made of it.
 * @throws ConfigError `DRIVER_VERSION` naming both versions, `DRIVER_INVALID` naming what is missing.
 */
export function assertDriver<Driver extends DriverBase>(contract: DriverContract<Driver>, driver: unknown): Driver {
  const { concern, version, adapters } = contract
  const found = (driver as Partial<DriverBase> | null | undefined)?.specificationVersion as number
  const fitting = (found === version ? driver : adapters?.get(found)?.(driver as never)) as
    | Readonly<Record<string, unknown>>
    | undefined
  const lacks = fitting && [
    ...(fitting['name'] ? [] : ['name']),
    ...['health', 'close', ...contract.methods].filter((method) => typeof fitting[method] !== 'function'),
    ...(contract.optional ?? []).filter((member) => !isUsable(fitting[member])),
  ]
  if (lacks?.length === 0) return fitting as unknown as Driver
  const { name } = (driver ?? {}) as { name?: unknown }
  throw new ConfigError(
    `[msc/${concern}] [${name || 'unnamed driver'}] ${
      lacks
        ? `The driver does not implement ${lacks.join(', ')}.`
        : `The driver is written for version ${found} of the contract; this package speaks version ${version}.`
    }`,
    {
      code: lacks ? 'DRIVER_INVALID' : 'DRIVER_VERSION',
      hint: `Update ${found > version ? `@msc/${concern}` : 'the driver'}, or see driver.ts of the package.`,
    },
  )
}

/** Absent, a method, or a group whose members are. */
function isUsable(member: unknown): boolean {
  if (member === undefined || typeof member === 'function') return true
  return typeof member === 'object' && member !== null && Object.values(member).every(isUsable)
}
