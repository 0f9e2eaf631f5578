import type { DriverBase } from './driver.ts'
import { ConfigError } from '../errors/errors.ts'

/** The requirements of an engine on its drivers. */
export interface DriverContract<Driver> {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** The version of the contract that the engine needs. */
  readonly version: number
  /** Methods without which the engine can't work, besides `health` and `close`. */
  readonly methods: readonly string[]
  /** Methods that may be missing, but must be functions when they are present. */
  readonly optional?: readonly string[]
  /** Returns the names of other members that do not fit. See `driverShape`. */
  readonly shape?: (driver: Readonly<Record<string, unknown>>) => readonly string[]
  /** Adapters for drivers of older versions, by version. */
  readonly adapters?: ReadonlyMap<number, (older: never) => Driver>
}

/**
 * Checks a driver when an engine is made: its contract version, name, methods and declared capabilities. A driver of an
 * older version goes through the adapter for that version. Does no I/O.
 *
 * @returns The driver, or the adapter's result.
 * @throws ConfigError `<CONCERN>_NO_DRIVER` when there is none, `DRIVER_VERSION`, which names both versions, or
 *   `DRIVER_INVALID`, which names what is missing.
 */
export function assertDriver<Driver extends DriverBase>(contract: DriverContract<Driver>, driver: unknown): Driver {
  const { concern, version, adapters } = contract
  if (driver === undefined || driver === null) {
    throw new ConfigError(`[msc/${concern}] Pass \`driver\`.`, {
      code: `${concern.toUpperCase()}_NO_DRIVER`,
    })
  }
  const { name, specificationVersion: found } = driver as Partial<DriverBase>
  const fitting = (found === version ? driver : adapters?.get(found as number)?.(driver as never)) as
    | Readonly<Record<string, unknown>>
    | undefined
  const lacks = fitting
    ? [
        'health',
        'close',
        ...contract.methods,
        ...(contract.optional ?? []).filter((each) => fitting[each] !== undefined),
      ]
        .filter((each) => typeof fitting[each] !== 'function')
        .concat(isName(fitting['name']) ? [] : 'name', contract.shape?.(fitting) ?? [])
    : [`version ${version} of the contract, but version ${found}`]
  if (lacks.length === 0) return fitting as unknown as Driver
  throw new ConfigError(`[msc/${concern}] [${name}] The driver does not implement ${lacks.join(', ')}.`, {
    code: fitting ? 'DRIVER_INVALID' : 'DRIVER_VERSION',
    hint: `Update ${(found as number) > version ? `@msc/${concern}` : 'the driver'}.`,
  })
}

/**
 * Does the same for an engine that can send to several drivers at once: takes one driver or a list.
 *
 * @throws ConfigError Also `<CONCERN>_NO_DRIVER` for an empty list, because everything sent would be lost silently.
 */
export function assertDrivers<Driver extends DriverBase>(
  contract: DriverContract<Driver>,
  given: Driver | readonly Driver[],
): readonly Driver[] {
  const drivers = Array.isArray(given) ? (given as readonly Driver[]) : [given]
  return (drivers.length > 0 ? drivers : [undefined]).map((one) => assertDriver(contract, one))
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && /\S/.test(name)
}
