import { DriverError } from '../errors/errors.ts'

/** What whoever comes after the end is told: `DRIVER_CLOSED`. `what`: what has ended. */
export function closedError(driver: string, what = 'driver'): DriverError {
  return new DriverError(driver, `The ${what} is closed.`, { code: 'DRIVER_CLOSED' })
}
