import type { DriverBase } from './driver.ts'
import { ConfigError } from '../errors/errors.ts'

/** What an engine needs of a driver. */
export interface DriverContract<Driver> {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** The version that the engine speaks. */
  readonly version: number
  /** Methods without which the engine can't work, besides `health` and `close`. */
  readonly methods: readonly string[]
  /** Methods which may be missing. */
  readonly optional?: readonly string[]
  /** What else is to be read of a driver: names what does not fit. See `driverShape`. */
  readonly shape?: (driver: Readonly<Record<string, unknown>>) => readonly string[]
  /** How a driver of an older version is made to fit, by that version. */
  readonly adapters?: ReadonlyMap<number, (older: never) => Driver>
}

/**
 * Reads a driver's contract when an engine is made: its version, its name, its methods and what it says of itself. A driver of an older version
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
    ...(isName(fitting['name']) ? [] : ['name']),
    ...[
      'health',
      'close',
      ...contract.methods,
      ...(contract.optional ?? []).filter((method) => fitting[method] !== undefined),
    ].filter((method) => typeof fitting[method] !== 'function'),
    ...(contract.shape?.(fitting) ?? []),
  ]
  if (lacks?.length === 0) return fitting as unknown as Driver
  const name = (driver as { readonly name?: unknown } | null | undefined)?.name
  throw new ConfigError(
    `[msc/${concern}] [${isName(name) ? name : 'unnamed driver'}] The driver ${
      lacks
        ? `does not implement ${lacks.join(', ')}`
        : `speaks version ${found} of the contract, this package version ${version}`
    }.`,
    {
      code: lacks ? 'DRIVER_INVALID' : 'DRIVER_VERSION',
      hint: `Update ${found > version ? `@msc/${concern}` : 'the driver'}.`,
    },
  )
}

/**
 * The same for an engine that sends to several at once: takes one or a list.
 *
 * @throws ConfigError `<CONCERN>_NO_DRIVER` for an empty list too: what is handed in would be lost without a word.
 */
export function assertDrivers<Driver extends DriverBase>(
  contract: DriverContract<Driver>,
  given: Driver | readonly Driver[],
): readonly Driver[] {
  const drivers = (Array.isArray(given) ? (given as readonly Driver[]) : [given]).map((one) =>
    assertDriver(contract, one),
  )
  if (drivers.length > 0) return drivers
  const { concern } = contract
  throw new ConfigError(`[msc/${concern}] There is no driver.`, {
    code: `${concern.toUpperCase()}_NO_DRIVER`,
    hint: `Pass \`driver\`: local() from @msc/${concern}/local, for one.`,
  })
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && /\S/.test(name)
}
