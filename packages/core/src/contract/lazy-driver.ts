import { closedError } from '../service/closed.ts'
import { withoutScope } from '../context/context.ts'
import type { DriverBase } from './driver.ts'
import { DriverError, MscError, toError } from '../errors/errors.ts'

type Method = (...args: never[]) => unknown

/** The methods of a driver that is loaded when the first of them is called. */
export interface LazyDriver<Driver extends DriverBase> extends Pick<DriverBase, 'health' | 'close'> {
  /** The driver, loaded once. A load that fails is forgotten, and the next call tries again. */
  ready(): Promise<Driver>
  /**
   * A method of the driver that waits for it if it must. Only for one that may answer with a promise. Once the driver is
   * there, it is called without a turn of the event loop in between.
   */
  method<Name extends keyof Driver>(name: Name): NonNullable<Driver[Name]>
  /** The same for the methods of a part, such as a driver's `observe`. */
  part<Part>(partOf: (driver: Driver) => Part): <Name extends keyof Part>(name: Name) => NonNullable<Part[Name]>
}

/**
 * Keeps a driver's code out of the entry point of who needs another. Declare beside it what an engine reads before the first
 * call: version, name, address, capabilities, and each method, whose presence is a capability.
 *
 * @param name The driver's, for its errors.
 * @param load Makes the driver. It must not be refused here: check its options before, when the engine is made.
 * @returns Methods that reject with `DRIVER_NOT_LOADED`, retryable, where the code can't be had, and with `DRIVER_CLOSED`
 *   once it is closed.
 * @example
 * const lazy = lazyDriver('sentry', async () => (await import('./sentry.ts')).sentry({ dsn }))
 * return { specificationVersion: 1, name: 'sentry', capabilities, send: lazy.method('send'), health: lazy.health, close: lazy.close }
 */
export function lazyDriver<Driver extends DriverBase>(name: string, load: () => Promise<Driver>): LazyDriver<Driver> {
  let loaded: Driver | undefined
  let loading: Promise<Driver> | undefined
  let closed = false
  const ready = async (): Promise<Driver> => {
    if (closed && !loading) throw closedError(name)
    return (loading ??= withoutScope(load).then(
      (driver) => (loaded = driver),
      (error: unknown) => {
        // A chunk that could not be fetched may be there next time.
        loading = undefined
        if (MscError.isInstance(error)) throw error
        throw new DriverError(name, 'The code of the driver could not be loaded.', {
          code: 'DRIVER_NOT_LOADED',
          retryable: true,
          hint: 'Try again. If it stays away, install or deploy the application anew: a file of it is missing.',
          cause: toError(error),
        })
      },
    ))
  }
  const part: LazyDriver<Driver>['part'] = (partOf) => (method) => {
    const run = (driver: Driver, args: never[]): unknown => {
      const owner = partOf(driver)
      return (owner[method] as Method).call(owner, ...args)
    }
    const later = (...args: never[]): unknown =>
      loaded ? run(loaded, args) : ready().then((driver) => run(driver, args))
    return later as never
  }
  return {
    ready,
    part,
    method: part((driver) => driver),
    health: async (signal) => (await ready()).health(signal),
    async close() {
      closed = true
      // One that was never called has nothing to close.
      await (await loading?.catch(() => undefined))?.close()
    },
  }
}
