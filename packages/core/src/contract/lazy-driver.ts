import { closedError } from '../service/closed.ts'
import { withoutScope } from '../context/context.ts'
import { orAborted } from '../time/or-aborted.ts'
import type { DriverBase } from './driver.ts'
import { DriverError, MscError, toError } from '../errors/errors.ts'

type Method = (...args: never[]) => unknown

/** The methods of a driver whose code is loaded by the first call of any of them. */
export interface LazyDriver<Driver extends DriverBase> extends Pick<DriverBase, 'health' | 'close'> {
  /** Loads the driver once and returns it. After a failed load the next call tries again. */
  ready(): Promise<Driver>
  /**
   * Returns a method that waits for the driver if necessary; use it only for methods that may return a promise. Once the
   * driver is loaded, its method is called synchronously.
   */
  method<Name extends keyof Driver>(name: Name): NonNullable<Driver[Name]>
  /** Does the same for the methods of a part of the driver, such as `observe`. */
  part<Part>(partOf: (driver: Driver) => Part): <Name extends keyof Part>(name: Name) => NonNullable<Part[Name]>
}

/**
 * Keeps a driver's code out of an entry point whose users may have chosen another driver. Declare next to it what an
 * engine reads before the first call: version, name, address, capabilities, and each method, since its presence is a
 * capability.
 *
 * @param name The driver's name, for its errors.
 * @param load Makes the driver. Check the driver's options earlier, when the engine is made, so that this can't refuse them.
 * @returns Methods that reject with `DRIVER_NOT_LOADED` (retryable) when the code can't be loaded, and with
 *   `DRIVER_CLOSED` after `close`.
 * @example
 * const lazy = lazyDriver('sentry', async () => (await import('./sentry.ts')).sentry({ dsn }))
 * return { specificationVersion: 1, name: 'sentry', capabilities, send: lazy.method('send'), health: lazy.health, close: lazy.close }
 */
export function lazyDriver<Driver extends DriverBase>(name: string, load: () => Promise<Driver>): LazyDriver<Driver> {
  let loaded: Driver | undefined
  let loading: Promise<Driver> | undefined
  let closed = false
  const assertOpen = (): void => {
    if (closed) throw closedError(name)
  }
  const ready = async (): Promise<Driver> => {
    assertOpen()
    return (loading ??= withoutScope(async () => load()).then(
      (driver) => (loaded = driver),
      (error: unknown) => {
        // The next fetch of a missing chunk may succeed.
        loading = undefined
        if (MscError.isInstance(error)) throw error
        throw new DriverError(name, "The driver's code could not be loaded.", {
          code: 'DRIVER_NOT_LOADED',
          retryable: true,
          hint: 'Try again. If that fails too, reinstall or redeploy the application: one of its files is missing.',
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
      loaded && !closed ? run(loaded, args) : ready().then((driver) => run(driver, args))
    return later as never
  }
  return {
    ready,
    part,
    method: part((driver) => driver),
    health: async (signal) => (await orAborted(ready(), signal)).health(signal),
    async close() {
      closed = true
      // A driver that was never loaded has nothing to close.
      await (await loading?.catch(() => undefined))?.close()
    },
  }
}
