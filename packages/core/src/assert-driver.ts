import type { DriverBase } from './driver.ts'
import { ConfigError } from './errors.ts'

/** What an engine needs of a driver. */
export interface DriverContract<Driver> {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** The version that the engine speaks. */
  readonly version: number
  /** Methods without which the engine can't work. */
  readonly methods: readonly string[]
  /** Methods, or objects that hold methods, which may be missing but must be usable if they are there. */
  readonly optional?: readonly string[]
  /** How a driver of an older version is made to fit, by that version. */
  readonly adapters?: Readonly<Record<number, (older: never) => Driver>>
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
  if (typeof driver !== 'object' || driver === null) {
    throw invalid(concern, `The driver is ${driver === null ? 'null' : typeof driver}, not an object.`)
  }
  const found: unknown = (driver as Partial<DriverBase>).specificationVersion
  if (found === version) return withMethods(contract, driver as Driver)
  const adapt = typeof found === 'number' && adapters && Object.hasOwn(adapters, found) ? adapters[found] : undefined
  if (adapt) return withMethods(contract, adapt(driver as never))
  throw new ConfigError(
    `[msc/${concern}] [${nameOf(driver)}] The driver is written for version ${show(found)} of the contract; this package speaks version ${version}.`,
    {
      code: 'DRIVER_VERSION',
      hint:
        typeof found === 'number' && found > version
          ? `Update @msc/${concern}, or use an older release of the driver.`
          : `Update the driver, or use the release of @msc/${concern} that it was written for.`,
    },
  )
}

function withMethods<Driver extends DriverBase>(contract: DriverContract<Driver>, driver: Driver): Driver {
  const { concern, methods, optional = [] } = contract
  const members = driver as unknown as Readonly<Record<string, unknown>>
  const name = members['name']
  if (typeof name !== 'string' || name === '') throw invalid(concern, 'The driver has no `name`.')
  const missing = ['health', 'close', ...methods].filter((method) => typeof members[method] !== 'function')
  if (missing.length > 0) {
    throw invalid(
      concern,
      `[${name}] The driver lacks ${missing.map((method) => `\`${method}()\``).join(', ')}, which the contract requires.`,
    )
  }
  const unusable = optional.filter((member) => !isUsable(members[member]))
  if (unusable.length > 0) {
    throw invalid(
      concern,
      `[${name}] ${unusable.map((member) => `\`${member}\``).join(', ')} must be implemented or left out.`,
    )
  }
  return driver
}

/** Absent, a method, or a group whose members are methods. */
function isUsable(member: unknown): boolean {
  if (member === undefined || typeof member === 'function') return true
  if (typeof member !== 'object' || member === null) return false
  return Object.values(member).every((each) => each === undefined || typeof each === 'function')
}

function invalid(concern: string, message: string): ConfigError {
  return new ConfigError(`[msc/${concern}] ${message}`, {
    code: 'DRIVER_INVALID',
    hint: `Implement the contract in @msc/${concern}'s driver.ts; its conformance suite says what each method owes.`,
  })
}

function nameOf(driver: object): string {
  const { name } = driver as { name?: unknown }
  return typeof name === 'string' && name !== '' ? name.slice(0, 64) : 'unnamed'
}

function show(version: unknown): string {
  if (typeof version === 'number') return String(version)
  return version === undefined ? '(none stated)' : `(${typeof version})`
}
