import { DriverError } from '../errors/errors.ts'

/** What whoever comes after the end is told: `DRIVER_CLOSED`. */
export function closedError(driver: string): DriverError {
  return new DriverError(driver, 'Already closed.', { code: 'DRIVER_CLOSED' })
}
