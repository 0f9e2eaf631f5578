import { DriverError } from '../errors/errors.ts'

/** Makes the error for calls after `close`. Its code is `DRIVER_CLOSED`. */
export function closedError(driver: string): DriverError {
  return new DriverError(driver, 'Already closed.', { code: 'DRIVER_CLOSED' })
}
